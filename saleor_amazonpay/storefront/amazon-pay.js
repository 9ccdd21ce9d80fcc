/**
 * Amazon Pay for Saleor storefronts: one function per step, and a class that also makes the Saleor mutations.
 *
 * An ES module without dependencies. Nothing is loaded from Amazon before a button or a change link is shown, and
 * nothing is kept in the browser: who comes back from Amazon brings the payment's id in the URL.
 */

const GATEWAY_ID = "saleor.app.payment.amazonpay";
const SESSION_PARAMETER = "amazonCheckoutSessionId";
const TRANSACTION_PARAMETER = "transaction";
const BUYER_TOKEN_PARAMETER = "buyerToken";
const STATE_PARAMETER = "amazonPayState";
const STATE_KEY = "saleor-amazonpay:state";
const SCRIPT_TIMEOUT = 20_000; // milliseconds
const POLL_DELAYS = [1000, 2000, 3000, 5000, 5000, 8000]; // milliseconds; about as long as a buyer keeps watching

const MESSAGES = {
  en: {
    label: "Amazon Pay: use the address and payment method of your Amazon account",
    signInLabel: "Sign in with your Amazon account",
    opening: "Opening Amazon Pay …",
    redirecting: "Taking you to Amazon Pay …",
    processing: "Your payment is being processed …",
    paid: "Your payment is complete.",
    pending: "Amazon Pay is still confirming your payment.",
    action_required: "Please finish the payment at Amazon Pay.",
    declined: "Amazon Pay declined the payment. Please choose another payment method.",
    cancelled: "The payment was cancelled. Nothing was charged.",
    expired: "The Amazon Pay session has expired. Please start again.",
    failed: "The payment did not succeed. Nothing was charged.",
    unavailable: "Amazon Pay cannot be reached at the moment. Please try again.",
    stranger: "This sign-in was not begun here. Please sign in again.",
  },
  ja: {
    label: "Amazon Pay：Amazonアカウントに登録された住所とお支払い方法を使う",
    signInLabel: "Amazonアカウントでログイン",
    opening: "Amazon Payを開いています…",
    redirecting: "Amazon Payに移動しています…",
    processing: "お支払いを処理しています…",
    paid: "お支払いが完了しました。",
    pending: "Amazon Payでお支払いを確認中です。",
    action_required: "Amazon Payでお支払い手続きを完了してください。",
    declined: "Amazon Payでお支払いが承認されませんでした。別のお支払い方法をお選びください。",
    cancelled: "お支払いはキャンセルされました。請求は発生していません。",
    expired: "Amazon Payの有効期限が切れました。もう一度お試しください。",
    failed: "お支払いを完了できませんでした。請求は発生していません。",
    unavailable: "現在Amazon Payに接続できません。もう一度お試しください。",
    stranger: "このログイン手続きを確認できませんでした。もう一度ログインしてください。",
  },
};

/** What a shop shows or says in the buyer's language; English where a language is not known. */
export function messages(locale = "en") {
  const language = String(locale).slice(0, 2).toLowerCase();
  return MESSAGES[language] ?? MESSAGES.en;
}

/** A refusal of the app or of Saleor. `errors` are `{field?, code, message}`, as they came. */
export class AmazonPayError extends Error {
  constructor(message, {code = "FAILED", errors = [], cause} = {}) {
    super(message, {cause});
    this.name = "AmazonPayError";
    this.code = code;
    this.errors = errors;
  }
}

// --- Amazon's script

const scripts = new Map();

/** Amazon's `amazon.Pay`; its script is added to the page once per URL, and again after a failure. */
export function loadAmazonPay(scriptUrl, {nonce} = {}) {
  if (globalThis.amazon?.Pay && !scripts.size) return Promise.resolve(globalThis.amazon.Pay); // the shop's own tag
  if (!scripts.has(scriptUrl)) {
    const loading = addScript(scriptUrl, nonce).catch((failure) => {
      scripts.delete(scriptUrl);
      throw failure;
    });
    scripts.set(scriptUrl, loading);
  }
  return scripts.get(scriptUrl);
}

function addScript(scriptUrl, nonce) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const fail = () => {
      clearTimeout(timer);
      script.remove();
      reject(new AmazonPayError("Amazon's script could not be loaded.", {code: "SCRIPT_UNAVAILABLE"}));
    };
    const timer = setTimeout(fail, SCRIPT_TIMEOUT);
    script.onerror = fail;
    script.onload = () => {
      clearTimeout(timer);
      globalThis.amazon?.Pay ? resolve(globalThis.amazon.Pay) : fail();
    };
    if (nonce) script.nonce = nonce;
    script.async = true;
    script.src = scriptUrl;
    document.head.append(script);
  });
}

// --- One function per step

let hosts = 0;

function hostIn(container, label) {
  const host = document.createElement("div");
  host.id = `saleor-amazonpay-${++hosts}`;
  host.setAttribute("role", "group");
  host.setAttribute("aria-label", label);
  container.append(host);
  return host;
}

/**
 * Shows Amazon's button in `container`; `amazonPay` is what paymentGatewayInitialize (or `/storefront/…`) answered.
 *
 * With `onClick` the button asks at the click what to pay for: the function makes or updates the checkout and returns
 * a fresh `amazonPay`, so that what is signed is what is bought. Further clicks wait until that one has ended.
 */
export async function mountButton(container, amazonPay, {onClick, onError, label, locale, nonce} = {}) {
  const {scriptUrl, createCheckoutSessionConfig, estimatedOrderAmount, ...appearance} = amazonPay;
  if (!onClick && !createCheckoutSessionConfig && !amazonPay.signInConfig) {
    throw new AmazonPayError("Give checkoutReviewReturnUrl to paymentGatewayInitialize, or onClick to mountButton.");
  }
  const Pay = await loadAmazonPay(scriptUrl, {nonce});
  const host = hostIn(container, label ?? messages(locale)[amazonPay.signInConfig ? "signInLabel" : "label"]);
  const shown = {...appearance, ...(estimatedOrderAmount && {estimatedOrderAmount})};
  const button = Pay.renderButton(`#${host.id}`, onClick ? shown : {...shown, ...signed(createCheckoutSessionConfig)});
  const forget = onClick ? decouple(Pay, button, appearance.productType, onClick, onError) : () => {};
  return {
    element: host,
    update: (amount) => button.updateButtonInfo(amount),
    unmount() {
      forget();
      host.remove();
    },
  };
}

function signed(createCheckoutSessionConfig) {
  return createCheckoutSessionConfig ? {createCheckoutSessionConfig} : {};
}

/** At most one checkout is made for a click, however often the button is pressed. */
function decouple(Pay, button, productType, onClick, onError) {
  let busy = false;
  let mounted = true;
  const release = () => (busy = false);
  button.onClick(async () => {
    if (busy || !mounted) return;
    busy = true;
    try {
      const fresh = await onClick();
      if (!fresh || !mounted) return release();
      if (fresh.productType !== productType) return initCheckout(Pay, fresh); // what is bought has changed its kind
      const {createCheckoutSessionConfig, estimatedOrderAmount} = fresh;
      button.initCheckout({createCheckoutSessionConfig, ...(estimatedOrderAmount && {estimatedOrderAmount})});
    } catch (failure) {
      release();
      if (!onError) throw failure;
      onError(failure);
    }
  });
  addEventListener("pageshow", release); // back from Amazon, the page kept alive by the browser
  return () => {
    mounted = false;
    removeEventListener("pageshow", release);
  };
}

function initCheckout(Pay, {scriptUrl, ...config}) {
  Pay.initCheckout(config);
}

/** Goes to Amazon without a button of Amazon's, e.g. from the shop's own "pay" button; `amazonPay` is signed. */
export async function startCheckout(amazonPay, {nonce} = {}) {
  initCheckout(await loadAmazonPay(amazonPay.scriptUrl, {nonce}), amazonPay);
}

/**
 * Lets the buyer change address and payment method at Amazon; `elements` is `{changeAddress?, changePayment?}`.
 *
 * `checkoutSession` is what paymentGatewayInitialize answered for the session. Amazon brings the buyer back to the
 * review page.
 */
export async function bindChange(elements, checkoutSession, {scriptUrl, nonce} = {}) {
  const Pay = await loadAmazonPay(scriptUrl, {nonce});
  for (const action of ["changeAddress", "changePayment"]) {
    const element = elements[action];
    if (element) Pay.bindChangeAction(selectorOf(element), checkoutSession[action]);
  }
}

/** A click on `element` asks the buyer to make a payment a recurring one; `amazonPay` was signed with `recurring`. */
export async function bindUpgrade(element, amazonPay, {nonce} = {}) {
  const {scriptUrl, ...config} = amazonPay;
  const Pay = await loadAmazonPay(scriptUrl, {nonce});
  Pay.bindUpgradeAction(selectorOf(element), config);
}

function selectorOf(element) {
  element.id ||= `saleor-amazonpay-${++hosts}`;
  return `#${CSS.escape(element.id)}`;
}

/** Sends the buyer to Amazon to pay; `data` is what transactionInitialize (or transactionProcess) answered. */
export function goToAmazon(data, {assign = (url) => location.assign(url)} = {}) {
  const url = data?.amazonPayRedirectUrl;
  if (!url) throw new AmazonPayError("There is no amazonPayRedirectUrl to go to.", {code: "NO_REDIRECT"});
  assign(url);
}

/** The id Amazon added to the review or result URL; null when the buyer did not come from Amazon. */
export function returnedSessionId(url = location.href) {
  return new URL(url).searchParams.get(SESSION_PARAMETER);
}

/** The id of the transaction, which the app added to the result URL; null when it is none. */
export function returnedTransactionId(url = location.href) {
  return new URL(url).searchParams.get(TRANSACTION_PARAMETER);
}

/** The token Amazon added to the URL after a sign-in; it can be exchanged once. */
export function returnedBuyerToken(url = location.href) {
  return new URL(url).searchParams.get(BUYER_TOKEN_PARAMETER);
}

/**
 * What a transaction event means to the buyer: `paid`, `pending` (Amazon is deciding, Saleor counts it as paid),
 * `processing` (ask again), `action_required` (send the buyer to Amazon again) or `failed`.
 */
export function outcomeOf(event, data) {
  const type = event?.type ?? "";
  if (type.endsWith("_SUCCESS")) return "paid";
  if (type.endsWith("_ACTION_REQUIRED")) return data?.status === "processing" ? "processing" : "action_required";
  return type.endsWith("_REQUEST") ? "pending" : "failed";
}

/** Why a payment failed, from `data.reasonCode`: `declined`, `cancelled`, `expired`, or `failed` for any other. */
export function reasonOf(reasonCode) {
  return REASONS[reasonCode] ?? (/Declined|Rejected|NotAllowed/.test(reasonCode ?? "") ? "declined" : "failed");
}

/**
 * Ends a payment on the result page: calls `process` (transactionProcess, given the session's id) until the outcome is
 * known, or as long as `delays` (milliseconds) last. Safe to repeat: the app answers the same.
 */
export async function finish(process, {url, sessionId = returnedSessionId(url), delays = POLL_DELAYS, onWait} = {}) {
  for (const delay of [...delays, null]) {
    const answer = await process({[SESSION_PARAMETER]: sessionId});
    const outcome = outcomeOf(answer.event, answer.data);
    if (outcome !== "processing" || delay === null) return {...answer, outcome};
    onWait?.(answer);
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}

// --- The whole way, through Saleor

const DOCUMENTS = {
  paymentGatewayInitialize: `mutation AmazonPayGateway($id: ID!, $gateway: String!, $data: JSON, $amount: PositiveDecimal) {
    paymentGatewayInitialize(id: $id, amount: $amount, paymentGateways: [{id: $gateway, data: $data}]) {
      gatewayConfigs { id data errors { field code message } }
      errors { field code message }
    }
  }`,
  transactionInitialize: `mutation AmazonPayTransaction(
    $id: ID!, $gateway: String!, $data: JSON, $amount: PositiveDecimal, $idempotencyKey: String
  ) {
    transactionInitialize(
      id: $id, amount: $amount, paymentGateway: {id: $gateway, data: $data}, idempotencyKey: $idempotencyKey
    ) {
      transaction { id }
      transactionEvent { type message pspReference }
      data
      errors { field code message }
    }
  }`,
  transactionProcess: `mutation AmazonPayProcess($id: ID!, $data: JSON) {
    transactionProcess(id: $id, data: $data) {
      transaction { id }
      transactionEvent { type message pspReference }
      data
      errors { field code message }
    }
  }`,
};

const REASONS = {
  Declined: "declined",
  BuyerCanceled: "cancelled",
  AmazonCanceled: "cancelled",
  Expired: "expired",
};

/**
 * Amazon Pay for one shop. `fetchGraphql(document, variables)` is the shop's own way to Saleor and answers `data`.
 * `saleorApiUrl` and `channel` are needed where the app itself is asked: express buttons and sign-in.
 *
 * Events (`detail` in brackets): `ready`, `opening`, `redirecting` {transactionId}, `processing`, `finished`
 * {outcome, transactionId}, `signedin` {buyer, customer}, `error` {error}. Each is also said in the live region, in the
 * shop's language.
 */
export class SaleorAmazonPay extends EventTarget {
  #fetchGraphql;
  #options;
  #running = new Map();
  #mounted = new Set();
  #region = null;

  constructor({fetchGraphql, gatewayId = GATEWAY_ID, locale = "en", nonce, pollDelays, ...app}) {
    super();
    this.#fetchGraphql = fetchGraphql;
    const {saleorApiUrl, channel, appUrl = new URL("..", import.meta.url).href} = app;
    this.#options = {gatewayId, locale, nonce, pollDelays, saleorApiUrl, channel, appUrl};
  }

  /** paymentGatewayInitialize; `data` as in the app's contract. Throws AmazonPayError with what is wrong. */
  async initialize(sourceId, data = {}, {amount} = {}) {
    const gateway = this.#options.gatewayId;
    const payload = await this.#mutate("paymentGatewayInitialize", {id: sourceId, gateway, data, amount});
    const config = payload.gatewayConfigs?.find((each) => each.id === gateway);
    throwErrors([...(config?.errors ?? []), ...(config?.data?.errors ?? [])]);
    if (!config?.data?.amazonPay) throw new AmazonPayError("Amazon Pay is not set up for this shop.");
    return config.data;
  }

  // --- Buttons

  /**
   * The button of the review flow. `prepare()` is called at the click and returns the id of the checkout (or order) to
   * pay, or nothing to stay; `data` has at least `checkoutReviewReturnUrl`, or is a function of that id.
   */
  mountButton(container, {amazonPay, prepare, data, label}) {
    const onClick = async () => {
      this.#tell("opening");
      const sourceId = await prepare();
      return sourceId ? (await this.initialize(sourceId, dataFor(data, sourceId))).amazonPay : null;
    };
    return this.#mount(container, amazonPay, {onClick, label});
  }

  /**
   * The button on a product page, where there is no checkout yet: `prepare()` makes it at the click.
   * `price` is `{amount, currency}`; a price that could not be paid throws, and no button shows.
   */
  async mountExpress(container, {price, isShippingRequired = true, placement = "Product", ...button}) {
    try {
      const {amazonPay} = await this.#ask("button", {...price, isShippingRequired, placement}, {method: "GET"});
      return await this.mountButton(container, {...button, amazonPay});
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /**
   * The Additional Payment Button, at the end of a checkout whose address and amount are final: transactionInitialize
   * at the click, then to Amazon's pay page. `data` needs `checkoutResultReturnUrl` or `returnUrl`.
   */
  mountPayNow(container, {amazonPay, prepare, data, label}) {
    const onClick = async () => {
      this.#tell("opening");
      const sourceId = await prepare();
      if (!sourceId) return null;
      const answer = await this.#begin(sourceId, {flow: "apb", ...dataFor(data, sourceId)});
      this.#tell("redirecting", {transactionId: answer.transactionId});
      return answer.data.amazonPay;
    };
    return this.#mount(container, {...amazonPay, createCheckoutSessionConfig: null}, {onClick, label});
  }

  async #mount(container, amazonPay, {onClick, label}) {
    const {locale, nonce} = this.#options;
    const onError = (error) => this.#fail(error);
    try {
      const button = await mountButton(container, amazonPay, {onClick, onError, label, locale, nonce});
      this.#mounted.add(button);
      this.#tell("ready", {}, "");
      return {...button, unmount: () => this.#unmountOne(button)};
    } catch (error) {
      throw this.#fail(error);
    }
  }

  // --- Paying

  /** What the buyer chose at Amazon, for the review page, and the change links bound to `elements`. */
  async review(sourceId, {sessionId = returnedSessionId(), data = {}, elements} = {}) {
    const answer = await this.initialize(sourceId, {...data, [SESSION_PARAMETER]: sessionId});
    if (elements && answer.checkoutSession) {
      const {nonce} = this.#options;
      await bindChange(elements, answer.checkoutSession, {scriptUrl: answer.amazonPay.scriptUrl, nonce});
    }
    return answer;
  }

  /**
   * transactionInitialize of the review flow, then to Amazon. A second call for the same source while one is under way
   * is that same call, so a double click pays once. `data` needs `checkoutResultReturnUrl` or `returnUrl`.
   */
  pay(sourceId, {sessionId = returnedSessionId(), data, amount, idempotencyKey} = {}) {
    return this.#once(`pay:${sourceId}`, async () => {
      const given = {flow: "review", [SESSION_PARAMETER]: sessionId, ...data};
      const answer = await this.#begin(sourceId, given, {amount, idempotencyKey});
      if (answer.data?.amazonPayRedirectUrl) {
        this.#tell("redirecting", {transactionId: answer.transactionId});
        goToAmazon(answer.data);
      }
      return answer;
    });
  }

  async #begin(sourceId, data, more = {}) {
    const variables = {id: sourceId, gateway: this.#options.gatewayId, data, ...more};
    const answer = await this.#transaction("transactionInitialize", variables);
    if (outcomeOf(answer.event, answer.data) === "failed") throw refusal(answer);
    return answer;
  }

  /**
   * transactionProcess, until the outcome is known. `outcome` is one of outcomeOf's, `failed` made precise by reasonOf.
   * Everything is in the URL Amazon sends the buyer to, in whatever browser.
   */
  finish({sessionId = returnedSessionId(), transactionId = returnedTransactionId()} = {}) {
    if (!transactionId) throw new AmazonPayError("This URL belongs to no Amazon Pay payment.", {code: "UNKNOWN"});
    return this.#once(`finish:${transactionId}`, async () => {
      const process = (data) => this.#transaction("transactionProcess", {id: transactionId, data});
      const {pollDelays: delays} = this.#options;
      const answer = await finish(process, {sessionId, delays, onWait: () => this.#tell("processing")});
      const outcome = answer.outcome === "failed" ? reasonOf(answer.data?.reasonCode) : answer.outcome;
      this.#tell("finished", {outcome, transactionId}, this.#message(outcome));
      return {...answer, outcome};
    });
  }

  /** Sends a buyer who is not through to Amazon again; `answer` is finish's. */
  goOn(answer) {
    this.#tell("redirecting");
    goToAmazon(answer.data);
  }

  // --- Sign-in

  /**
   * Amazon's sign-in button. `returnUrl` is where the buyer comes back to (its page calls `signIn`); `scopes` is what
   * the shop wants to know.
   */
  async mountSignIn(container, {returnUrl, cancelUrl, scopes, placement, label}) {
    const body = {signInReturnUrl: withState(returnUrl), signInCancelUrl: cancelUrl, scopes, placement};
    try {
      const {amazonPay} = await this.#ask("sign-in", body);
      return await this.#mount(container, amazonPay, {label});
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /**
   * Exchanges the buyerToken in the URL: `{buyer, customer}`, null when there is none. Once only, so it is taken out of
   * the address bar first. `customerToken` (of a customer logged in at Saleor) links the Amazon account to the customer.
   */
  signIn({url = location.href, customerToken} = {}) {
    const buyerToken = returnedBuyerToken(url);
    if (!buyerToken) return Promise.resolve(null);
    return this.#once(`signIn:${buyerToken}`, async () => {
      const begunHere = new URL(url).searchParams.get(STATE_PARAMETER) === takeState();
      if (url === location.href) history.replaceState(history.state, "", withoutSignIn(url));
      if (!begunHere) throw new AmazonPayError(this.#message("stranger"), {code: "STATE_MISMATCH"});
      const body = {buyerToken, ...(customerToken && {link: true})};
      const {buyer, customer} = await this.#ask("sign-in/exchange", body, {customerToken});
      this.#tell("signedin", {buyer, customer}, "");
      return {buyer, customer};
    });
  }

  /** Forgets the Amazon accounts of the customer; how many there were. */
  async unlink({customerToken}) {
    return (await this.#ask("sign-in/unlink", {}, {customerToken})).unlinked;
  }

  /** Ends Amazon's own session in this browser, so that the next buyer has to sign in. */
  async signOut(scriptUrl) {
    (await loadAmazonPay(scriptUrl, {nonce: this.#options.nonce})).signout();
  }

  async #ask(path, what, {method = "POST", customerToken} = {}) {
    const {saleorApiUrl, channel, locale, appUrl} = this.#options;
    const languageCode = ["sign-in", "button"].includes(path) ? locale : undefined;
    const asked = Object.entries({saleorApiUrl, channel, languageCode, ...what}).filter(([, value]) => value != null);
    const url = new URL(`storefront/${path}`, appUrl);
    const init = {method, headers: customerToken ? {Authorization: `Bearer ${customerToken}`} : {}};
    if (method === "GET") for (const [name, value] of asked) url.searchParams.set(name, value);
    else Object.assign(init, {body: JSON.stringify(Object.fromEntries(asked))});
    const answer = await (await fetch(url, init)).json();
    throwErrors(answer.errors);
    return answer;
  }

  /** Takes everything out of the page again. */
  unmount() {
    for (const button of [...this.#mounted]) this.#unmountOne(button);
    this.#region?.remove();
    this.#region = null;
  }

  #unmountOne(button) {
    button.unmount();
    this.#mounted.delete(button);
  }

  #once(key, run) {
    if (!this.#running.has(key)) {
      const running = run()
        .catch((error) => {
          throw this.#fail(error);
        })
        .finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return this.#running.get(key);
  }

  async #transaction(name, variables) {
    const payload = await this.#mutate(name, variables);
    return {transactionId: payload.transaction?.id, event: payload.transactionEvent, data: payload.data};
  }

  async #mutate(name, variables) {
    const data = await this.#fetchGraphql(DOCUMENTS[name], variables);
    const payload = data[name];
    throwErrors(payload.errors ?? []);
    return payload;
  }

  #message(name) {
    return messages(this.#options.locale)[name];
  }

  #fail(error) {
    const known = error instanceof AmazonPayError ? error : unavailable(error, this.#message("unavailable"));
    this.#tell("error", {error: known}, known.message);
    return known;
  }

  #tell(type, detail = {}, message = this.#message(type)) {
    if (message) this.#liveRegion().textContent = message;
    this.dispatchEvent(new CustomEvent(type, {detail}));
  }

  #liveRegion() {
    if (this.#region?.isConnected) return this.#region;
    this.#region = document.createElement("div");
    this.#region.setAttribute("role", "status");
    this.#region.setAttribute("aria-live", "polite");
    // Through the object model, since style attributes are what a Content-Security-Policy forbids.
    Object.assign(this.#region.style, {
      position: "absolute",
      width: "1px",
      height: "1px",
      overflow: "hidden",
      clipPath: "inset(50%)",
      whiteSpace: "nowrap",
    });
    document.body.append(this.#region);
    return this.#region;
  }
}

function unavailable(cause, message) {
  return new AmazonPayError(message, {code: "UNAVAILABLE", cause});
}

function throwErrors(errors) {
  if (!errors.length) return;
  const message = errors.map((error) => error.message).join(" ");
  throw new AmazonPayError(message, {code: errors[0].code, errors});
}

function refusal({event, data}) {
  const errors = data?.errors ?? [];
  return new AmazonPayError(event?.message || messages().failed, {code: errors[0]?.code, errors});
}

function dataFor(data, sourceId) {
  return typeof data === "function" ? data(sourceId) : data;
}

// --- Sign-in: only a page that began it takes a token, or somebody could sign a visitor in as somebody else

function withState(returnUrl) {
  const state = crypto.randomUUID();
  sessionStorage.setItem(STATE_KEY, state);
  const url = new URL(returnUrl);
  url.searchParams.set(STATE_PARAMETER, state);
  return url.href;
}

function takeState() {
  const state = sessionStorage.getItem(STATE_KEY);
  sessionStorage.removeItem(STATE_KEY);
  return state;
}

function withoutSignIn(address) {
  const url = new URL(address);
  for (const name of [BUYER_TOKEN_PARAMETER, STATE_PARAMETER]) url.searchParams.delete(name);
  return url.href;
}
