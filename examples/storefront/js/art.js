/** A drawing for each product; leaves for one that has none. */
const FRAME = (inner) => `<svg viewBox="0 0 160 120" role="presentation" focusable="false">${inner}</svg>`;
const STEAM = '<path class="thin" d="M70 34c-5-7 5-9 0-17M86 34c-5-7 5-9 0-17"/>';
const DRAWINGS = {
  "tea-cup": `${STEAM}<path class="fill" d="M48 46h62c0 29-10 46-31 46S48 75 48 46z"/><path class="tint" d="M51 60h56c-3 20-11 32-28 32S54 80 51 60z"/><path class="line" d="M48 46h62c0 29-10 46-31 46S48 75 48 46zM66 98h26"/>`,
  teapot: `${STEAM.replaceAll("34c", "30c")}<path class="fill" d="M44 62c0-18 14-27 34-27s34 9 34 27-14 32-34 32-34-14-34-32z"/><path class="tint" d="M45 70h66c-3 15-16 24-33 24s-30-9-33-24z"/><path class="line" d="M44 62c0-18 14-27 34-27s34 9 34 27-14 32-34 32-34-14-34-32zM58 40h40M111 55c9-1 13-7 20-13l5 5c-9 8-11 20-24 25M44 60c-9-3-17 2-18 8s8 11 19 8"/><circle class="dot" cx="78" cy="31" r="4"/>`,
  "tea-monthly": `<path class="fill" d="M38 48l42-16 42 16v40l-42 16-42-16z"/><path class="tint" d="M80 64l42-16v40l-42 16z"/><path class="line" d="M38 48l42-16 42 16v40l-42 16-42-16zM38 48l42 16 42-16M80 64v40"/><path class="leaf" d="M54 80c0-10 6-15 15-15 0 10-6 15-15 15z"/>`,
  "book-of-tea": `<path class="fill" d="M44 28h64a8 8 0 0 1 8 8v64H52a8 8 0 0 1-8-8z"/><path class="tint" d="M44 92a8 8 0 0 1 8-8h64v16H52a8 8 0 0 1-8-8z"/><path class="line" d="M44 92V36a8 8 0 0 1 8-8h64v72H52a8 8 0 0 1 0-16h64"/><path class="leaf" d="M70 64c0-14 9-21 22-21 0 14-9 21-22 21zM70 64l-6 7"/>`,
};
const LEAVES = '<path class="leaf" d="M50 78c0-26 16-40 42-40 0 26-16 40-42 40zM50 78l-10 12"/><path class="leaf" d="M84 90c0-16 10-25 26-25 0 16-10 25-26 25z"/>';

export function drawing(slug) {
  const holder = document.createElement("div");
  holder.className = "art";
  holder.setAttribute("aria-hidden", "true");
  holder.innerHTML = FRAME(DRAWINGS[slug] ?? LEAVES);
  return holder;
}
