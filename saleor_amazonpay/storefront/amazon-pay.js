/**
 * Amazon Pay for Saleor storefronts: one function per step, and a class that also makes the Saleor mutations.
 *
 * An ES module without dependencies. Nothing is loaded from Amazon before a button or a change link is shown.
 */

const GATEWAY_ID = "saleor.app.payment.amazonpay";
const SESSION_PARAMETER = "amazonCheckoutSessionId";
const SCRIPT_TIMEOUT = 20_000; // milliseconds
const POLL_DELAYS = [1000, 2000, 3000, 5000, 5000, 8000]; // milliseconds; about as long as a buyer keeps watching
const MEMORY_PREFIX = "saleor-amazonpay:";
const MEMORY_LIFE = 25 * 3600 * 1000; // milliseconds; one hour longer than a checkout session lives

const MESSAGES = {
  en: {
    label: "Amazon Pay: use the address and payment method of your Amazon account",
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
  },
  ja: {
    label: "Amazon Pay：Amazonアカウントに登録された住所とお支払い方法を使う",
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
 * Shows Amazon's button in `container`; `amazonPay` is what paymentGatewayInitialize answered.
 *
 * With `onClick` the button asks at the click what to pay for: the function makes or updates the checkout and returns
 * a fresh `amazonPay`, so that what is signed is what is bought. Further clicks wait until that one has ended.
 */
export async function mountButton(container, amazonPay, {onClick, onError, label, locale, nonce} = {}) {
  const {scriptUrl, createCheckoutSessionConfig, ...appearance} = amazonPay;
  if (!onClick && !createCheckoutSessionConfig) {
    throw new AmazonPayError("Give checkoutReviewReturnUrl to paymentGatewayInitialize, or onClick to mountButton.");
  }
  const Pay = await loadAmazonPay(scriptUrl, {nonce});
  const host = hostIn(container, label ?? messages(locale).label);
  const config = onClick ? appearance : {...appearance, createCheckoutSessionConfig};
  const button = Pay.renderButton(`#${host.id}`, config);
  const forget = onClick ? decouple(button, onClick, onError) : () => {};
  return {
    element: host,
    update: (estimatedOrderAmount) => button.updateButtonInfo(estimatedOrderAmount),
    unmount() {
      forget();
      host.remove();
    },
  };
}

/** At most one checkout is made for a click, however often the button is pressed. */
function decouple(button, onClick, onError) {
  let busy = false;
  let mounted = true;
  const release = () => (busy = false);
  button.onClick(async () => {
    if (busy || !mounted) return;
    busy = true;
    try {
      const fresh = await onClick();
      if (!fresh || !mounted) return release();
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
    if (!element) continue;
    element.id ||= `saleor-amazonpay-${++hosts}`;
    Pay.bindChangeAction(`#${element.id}`, checkoutSession[action]);
  }
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

const FAILURE_REASONS = {
  Declined: "declined",
  BuyerCanceled: "cancelled",
  Expired: "expired",
};

/**
 * Amazon Pay for one shop. `fetchGraphql(document, variables)` is the shop's own way to Saleor and answers `data`.
 *
 * Events (`detail` in brackets): `ready`, `opening`, `redirecting` {transactionId}, `processing`, `finished`
 * {outcome, transactionId}, `error` {error}. Each is also said in the live region, in the shop's language.
 */
export class SaleorAmazonPay extends EventTarget {
  #fetchGraphql;
  #options;
  #running = new Map();
  #mounted = new Set();
  #region = null;

  constructor({fetchGraphql, gatewayId = GATEWAY_ID, locale = "en", nonce, pollDelays, storage}) {
    super();
    this.#fetchGraphql = fetchGraphql;
    this.#options = {gatewayId, locale, nonce, pollDelays, storage: storage ?? localStorageOrNothing()};
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

  /**
   * Shows the button. `prepare()` is called at the click and returns the id of the checkout (or order) to pay;
   * `data` has at least `checkoutReviewReturnUrl`, or is a function of that id.
   */
  async mountButton(container, {amazonPay, prepare, data, label}) {
    const dataOf = typeof data === "function" ? data : () => data;
    const onClick = async () => {
      this.#tell("opening");
      const sourceId = await prepare();
      return sourceId ? (await this.initialize(sourceId, dataOf(sourceId))).amazonPay : null;
    };
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
   * transactionInitialize, then to Amazon. A second call for the same source while one is under way is that same call,
   * so a double click pays once. `data` needs `checkoutResultReturnUrl` or `returnUrl`.
   */
  pay(sourceId, {sessionId = returnedSessionId(), data, amount, idempotencyKey} = {}) {
    return this.#once(`pay:${sourceId}`, async () => {
      const answer = await this.#transaction("transactionInitialize", {
        id: sourceId,
        gateway: this.#options.gatewayId,
        data: {flow: "review", [SESSION_PARAMETER]: sessionId, ...data},
        amount,
        idempotencyKey,
      });
      this.#remember(sessionId, {transactionId: answer.transactionId, sourceId});
      if (outcomeOf(answer.event, answer.data) === "failed") throw refusal(answer);
      if (answer.data?.amazonPayRedirectUrl) {
        this.#tell("redirecting", {transactionId: answer.transactionId});
        goToAmazon(answer.data);
      }
      return answer;
    });
  }

  /** The transaction and the source that were paid with the session in the URL, if this browser began it. */
  recall(sessionId = returnedSessionId()) {
    const kept = sessionId && this.#options.storage?.getItem(MEMORY_PREFIX + sessionId);
    return kept ? JSON.parse(kept) : null;
  }

  /**
   * transactionProcess, until the outcome is known. `outcome` is one of outcomeOf's, `failed` made precise where
   * Amazon says why: `declined`, `cancelled`, `expired`.
   */
  finish({sessionId = returnedSessionId(), transactionId = this.recall(sessionId)?.transactionId} = {}) {
    if (!transactionId) throw new AmazonPayError("This browser began no Amazon Pay payment.", {code: "UNKNOWN"});
    return this.#once(`finish:${transactionId}`, async () => {
      const process = (data) => this.#transaction("transactionProcess", {id: transactionId, data});
      const {pollDelays: delays} = this.#options;
      const answer = await finish(process, {sessionId, delays, onWait: () => this.#tell("processing")});
      const outcome = answer.outcome === "failed" ? await this.#reason(sessionId) : answer.outcome;
      this.#tell("finished", {outcome, transactionId}, this.#message(outcome));
      return {...answer, outcome};
    });
  }

  /** Sends a buyer who is not through to Amazon again; `answer` is finish's. */
  goOn(answer) {
    this.#tell("redirecting");
    goToAmazon(answer.data);
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

  async #reason(sessionId) {
    const sourceId = this.recall(sessionId)?.sourceId;
    if (!sourceId || !sessionId) return "failed";
    try {
      const {checkoutSession} = await this.initialize(sourceId, {[SESSION_PARAMETER]: sessionId});
      return FAILURE_REASONS[checkoutSession?.reasonCode] ?? "failed";
    } catch {
      return "failed"; // why is nice to know; that is what counts
    }
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

  #remember(sessionId, what) {
    const {storage} = this.#options;
    if (!storage || !sessionId) return;
    forgetOld(storage);
    storage.setItem(MEMORY_PREFIX + sessionId, JSON.stringify({...what, at: Date.now()}));
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

function localStorageOrNothing() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null; // forbidden in this browser: the shop gives the transaction's id to finish() itself
  }
}

function forgetOld(storage) {
  for (let index = storage.length - 1; index >= 0; index--) {
    const key = storage.key(index);
    if (!key?.startsWith(MEMORY_PREFIX)) continue;
    const {at = 0} = JSON.parse(storage.getItem(key) ?? "{}");
    if (Date.now() - at > MEMORY_LIFE) storage.removeItem(key);
  }
}
