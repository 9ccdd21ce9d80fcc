export interface FieldError {
  field?: string | null;
  code: string;
  message: string;
}

export interface Amount {
  /** A decimal as a string, e.g. "500" or "12.00". */
  amount: string;
  currencyCode: string;
}

export interface CheckoutSessionConfig {
  /** Signed: pass it on byte for byte. */
  payloadJSON: string;
  signature: string;
  algorithm: string;
  publicKeyId: string;
}

/** `amazonPay` of paymentGatewayInitialize. */
export interface AmazonPayConfig {
  scriptUrl: string;
  merchantId: string;
  publicKeyId: string;
  ledgerCurrency: string;
  checkoutLanguage: string;
  productType: "PayAndShip" | "PayOnly" | "SignIn";
  placement: "Home" | "Product" | "Cart" | "Checkout" | "Other";
  buttonColor: "Gold" | "LightGray" | "DarkGray";
  sandbox: boolean;
  estimatedOrderAmount?: Amount | null;
  createCheckoutSessionConfig?: CheckoutSessionConfig | null;
  signInConfig?: CheckoutSessionConfig;
}

/** How often the buyer is charged at least; Amazon never charges by itself. */
export interface Recurring {
  frequency: { unit: "Year" | "Month" | "Week" | "Day"; value: string } | { unit: "Variable"; value: "0" };
  /** What each charge will be; left out when it varies. */
  amount?: Amount;
}

/** In the form of Saleor's `AddressInput`. */
export interface AddressInput {
  firstName?: string;
  lastName?: string;
  companyName?: string;
  streetAddress1?: string;
  streetAddress2?: string;
  city?: string;
  cityArea?: string;
  postalCode?: string;
  country?: string;
  countryArea?: string;
  phone?: string;
}

export interface ChangeAction {
  amazonCheckoutSessionId: string;
  changeAction: "changeAddress" | "changePayment";
}

/** `checkoutSession` of paymentGatewayInitialize. */
export interface CheckoutSession {
  amazonCheckoutSessionId: string;
  state: "Open" | "Completed" | "Canceled";
  reasonCode: string | null;
  buyer: { name: string | null; email: string | null; phoneNumber: string | null } | null;
  shippingAddress: AddressInput | null;
  billingAddress: AddressInput | null;
  paymentDescriptor: string | null;
  /** What an address lacks and the buyer has to be asked, e.g. "shippingAddress.city". */
  missingFields: string[];
  constraints: string[];
  changeAddress: ChangeAction;
  changePayment: ChangeAction;
}

export interface GatewayData {
  amazonPay: AmazonPayConfig;
  checkoutSession: CheckoutSession | null;
  errors: FieldError[];
}

export interface GatewayRequest {
  flow?: "review" | "apb";
  checkoutReviewReturnUrl?: string;
  checkoutCancelUrl?: string;
  placement?: AmazonPayConfig["placement"];
  recurring?: Recurring;
  amazonCheckoutSessionId?: string;
}

/** Where the buyer comes back to: a page of the shop that calls `finish`, or the app, which then goes on to the shop. */
export type Return = { checkoutResultReturnUrl: string; returnUrl?: never } | { returnUrl: string; checkoutResultReturnUrl?: never };
export type PayRequest = Return & { recurring?: Recurring };
export type PayNowRequest = PayRequest & { checkoutCancelUrl?: string };

export interface TransactionData {
  status?: "awaiting_buyer" | "processing" | "completed" | "pending" | "failed" | "invalid_data";
  /** Of a failure: Amazon's own word for why. */
  reasonCode?: string | null;
  amazonPay?: AmazonPayConfig;
  amazonPayRedirectUrl?: string | null;
  amazonCheckoutSessionId?: string;
  errors?: FieldError[];
}

export interface TransactionAnswer {
  transactionId?: string;
  event: { type: string; message: string; pspReference: string } | null;
  data: TransactionData | null;
}

export type Outcome = "paid" | "pending" | "processing" | "action_required" | "failed";
export type PreciseOutcome = Outcome | "declined" | "cancelled" | "expired";

export declare class AmazonPayError extends Error {
  readonly code: string;
  readonly errors: FieldError[];
  constructor(message: string, options?: { code?: string; errors?: FieldError[]; cause?: unknown });
}

export interface ScriptOptions {
  /** Of the page's Content-Security-Policy. */
  nonce?: string;
}

export interface MountedButton {
  readonly element: HTMLElement;
  /** After the cart changed: lets Amazon show what fits the new amount. */
  update(estimatedOrderAmount: Amount): void;
  unmount(): void;
}

export interface ButtonOptions extends ScriptOptions {
  /** Called at the click; returns a fresh configuration for what is bought now, or nothing to stay. */
  onClick?: () => Promise<AmazonPayConfig | null | undefined>;
  onError?: (error: unknown) => void;
  /** The button's accessible name; in English or Japanese by default. */
  label?: string;
  locale?: string;
}

export type Messages = Record<
  | "label" | "signInLabel" | "stranger" | "opening" | "redirecting" | "processing" | "paid" | "pending" | "action_required"
  | "declined" | "cancelled" | "expired" | "failed" | "unavailable",
  string
>;

export declare function messages(locale?: string): Messages;
export declare function loadAmazonPay(scriptUrl: string, options?: ScriptOptions): Promise<unknown>;
export declare function mountButton(
  container: Element, amazonPay: AmazonPayConfig, options?: ButtonOptions,
): Promise<MountedButton>;
export declare function startCheckout(amazonPay: AmazonPayConfig, options?: ScriptOptions): Promise<void>;
export declare function bindUpgrade(element: Element, amazonPay: AmazonPayConfig, options?: ScriptOptions): Promise<void>;
export declare function bindChange(
  elements: { changeAddress?: Element | null; changePayment?: Element | null },
  checkoutSession: CheckoutSession,
  options: ScriptOptions & { scriptUrl: string },
): Promise<void>;
export declare function goToAmazon(data: TransactionData | null, options?: { assign?: (url: string) => void }): void;
export declare function returnedSessionId(url?: string): string | null;
export declare function returnedTransactionId(url?: string): string | null;
export declare function returnedBuyerToken(url?: string): string | null;
export declare function reasonOf(reasonCode?: string | null): "declined" | "cancelled" | "expired" | "failed";
export declare function outcomeOf(event: TransactionAnswer["event"], data: TransactionAnswer["data"]): Outcome;
export declare function finish<Answer extends TransactionAnswer>(
  process: (data: { amazonCheckoutSessionId: string | null }) => Promise<Answer>,
  options?: { url?: string; sessionId?: string | null; delays?: number[]; onWait?: (answer: Answer) => void },
): Promise<Answer & { outcome: Outcome }>;

export interface SaleorAmazonPayOptions extends ScriptOptions {
  /** The shop's own way to Saleor's GraphQL; answers `data` and throws on errors. */
  fetchGraphql: (document: string, variables: Record<string, unknown>) => Promise<Record<string, any>>;
  gatewayId?: string;
  locale?: string;
  /** Milliseconds between two calls while a payment is being processed. */
  pollDelays?: number[];
  /** The API URL of the shop's Saleor, as it installed the app; for express buttons and sign-in. */
  saleorApiUrl?: string;
  /** The slug of the channel; for express buttons and sign-in. */
  channel?: string;
  /** Where the app is; by default where this module comes from. */
  appUrl?: string;
}

/** What Amazon told of the buyer, as far as the scopes asked for it. */
export interface Buyer {
  buyerId: string;
  name?: string;
  email?: string;
  phoneNumber?: string;
  postalCode?: string;
  countryCode?: string;
  primeMembershipTypes?: string[];
  shippingAddress?: AddressInput;
  billingAddress?: AddressInput;
  missingFields: string[];
}

export interface SignedIn {
  buyer: Buyer;
  /** The Saleor customer the Amazon account is linked to. */
  customer: { id: string } | null;
}

export interface Preparation<Data> {
  /** Called at the click: makes or updates the checkout, returns its id (or an order's), or nothing to stay. */
  prepare: () => Promise<string | null | undefined>;
  data: Data | ((sourceId: string) => Data);
  label?: string;
}

/** Events: `ready`, `opening`, `redirecting`, `processing`, `finished`, `signedin`, `error`, each a CustomEvent. */
export declare class SaleorAmazonPay extends EventTarget {
  constructor(options: SaleorAmazonPayOptions);
  initialize(sourceId: string, data?: GatewayRequest, options?: { amount?: string }): Promise<GatewayData>;
  mountButton(
    container: Element, options: Preparation<GatewayRequest> & { amazonPay: AmazonPayConfig },
  ): Promise<MountedButton>;
  mountExpress(container: Element, options: Preparation<GatewayRequest> & {
    price?: { amount: string; currency: string };
    isShippingRequired?: boolean;
    placement?: AmazonPayConfig["placement"];
  }): Promise<MountedButton>;
  mountPayNow(
    container: Element, options: Preparation<PayNowRequest> & { amazonPay: AmazonPayConfig },
  ): Promise<MountedButton>;
  review(sourceId: string, options?: {
    sessionId?: string | null;
    data?: GatewayRequest;
    elements?: { changeAddress?: Element | null; changePayment?: Element | null };
  }): Promise<GatewayData>;
  pay(sourceId: string, options: {
    sessionId?: string | null;
    data: PayRequest;
    amount?: string;
    idempotencyKey?: string;
  }): Promise<TransactionAnswer>;
  finish(options?: {
    sessionId?: string | null;
    transactionId?: string | null;
  }): Promise<TransactionAnswer & { outcome: PreciseOutcome }>;
  goOn(answer: TransactionAnswer): void;
  mountSignIn(container: Element, options: {
    returnUrl: string;
    cancelUrl?: string;
    scopes?: string[];
    placement?: AmazonPayConfig["placement"];
    label?: string;
  }): Promise<MountedButton>;
  signIn(options?: { url?: string; customerToken?: string }): Promise<SignedIn | null>;
  unlink(options: { customerToken: string }): Promise<number>;
  signOut(scriptUrl: string): Promise<void>;
  unmount(): void;
}
