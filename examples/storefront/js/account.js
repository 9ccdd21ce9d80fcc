/** Two accounts, the shop's and Amazon's, and the link between them, made only by who has proven both. */
import {amazonPay, busily, customer, element, explain, mutate, notice, page, saleor, texts} from "./shop.js";

const SCOPES = ["name", "email", "shippingAddress"];

async function showCustomer() {
  const {me} = customer.token ? await saleor(`query { me { id email firstName lastName } }`) : {me: null};
  element("known").hidden = !me;
  element("log-in").hidden = Boolean(me);
  if (!me) return null;
  element("known-title").textContent = texts.hello.replace("{name}", me.firstName || me.email);
  facts(element("profile"), {email: me.email});
  return me;
}

function facts(list, known) {
  list.replaceChildren(
    ...Object.entries(known).map(([name, value]) => {
      const row = document.createElement("div");
      row.append(
        Object.assign(document.createElement("dt"), {textContent: texts[name] ?? name}),
        Object.assign(document.createElement("dd"), {textContent: value}),
      );
      return row;
    }),
  );
  list.hidden = false;
}

function good(message) {
  element("done").textContent = message;
  element("done").hidden = false;
}

async function logIn() {
  const {email, password} = Object.fromEntries(new FormData(element("log-in")));
  const {token} = await mutate(
    `mutation($email: String!, $password: String!) {
      tokenCreate(email: $email, password: $password) { token errors { field message } }
    }`,
    {email, password},
  );
  customer.token = token;
  await showCustomer();
}

/** Back from Amazon: whom the shop knows by this Amazon account, or who it is now linked to. */
async function comeBack(me) {
  const signedIn = await amazonPay.signIn({customerToken: me ? customer.token : undefined});
  if (!signedIn) return;
  const {buyer, customer: known} = signedIn;
  const {name, email, shippingAddress} = buyer;
  facts(element("buyer"), {
    ...(name && {name}),
    ...(email && {email}),
    ...(shippingAddress && {shipTo: [shippingAddress.countryArea, shippingAddress.city, shippingAddress.streetAddress1].filter(Boolean).join(" ")}),
  });
  good(me ? texts.linked : known ? texts.recognised : texts.stranger);
}

async function offerAmazon() {
  await amazonPay.mountSignIn(element("amazon-sign-in"), {
    returnUrl: page("account.html"),
    cancelUrl: page("account.html", {cancelled: "1"}),
    scopes: SCOPES,
  });
}

amazonPay.addEventListener("error", ({detail}) => explain(detail.error));
element("log-in").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  busily(submitted.submitter ?? submitted.target.querySelector("button"), logIn);
});
element("log-out").addEventListener("click", () => {
  customer.token = null;
  location.assign(page("account.html"));
});
element("unlink").addEventListener("click", ({target}) =>
  busily(target, async () => {
    const forgotten = await amazonPay.unlink({customerToken: customer.token});
    good(forgotten ? texts.unlinked : texts.nothingLinked);
  }),
);
if (new URLSearchParams(location.search).has("cancelled")) notice(texts.signInCancelled);
try {
  const me = await showCustomer();
  await comeBack(me).catch(explain);
  await offerAmazon();
} catch (error) {
  explain(error);
}
