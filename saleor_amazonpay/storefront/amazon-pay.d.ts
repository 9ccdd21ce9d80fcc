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
  productType: "PayAndShip" | "PayOnly";
  placement: "Home" | "Product" | "Cart" | "Checkout" | "Other";
  buttonColor: "Gold" | "LightGray" | "DarkGray";
  sandbox: boolean;
  estimatedOrderAmount: Amount;
  createCheckoutSessionConfig: CheckoutSessionConfig | null;
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
  amazonCheckoutSessionId?: string;
}

export interface TransactionData {
  status?: "awaiting_buyer" | "processing" | "completed" | "pending" | "failed" | "invalid_data";
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
  | "label" | "opening" | "redirecting" | "processing" | "paid" | "pending" | "action_required"
  | "declined" | "cancelled" | "expired" | "failed" | "unavailable",
  string
>;

export declare function messages(locale?: string): Messages;
export declare function loadAmazonPay(scriptUrl: string, options?: ScriptOptions): Promise<unknown>;
export declare function mountButton(
  container: Element, amazonPay: AmazonPayConfig, options?: ButtonOptions,
): Promise<MountedButton>;
export declare function bindChange(
  elements: { changeAddress?: Element | null; changePayment?: Element | null },
  checkoutSession: CheckoutSession,
  options: ScriptOptions & { scriptUrl: string },
): Promise<void>;
export declare function goToAmazon(data: TransactionData | null, options?: { assign?: (url: string) => void }): void;
export declare function returnedSessionId(url?: string): string | null;
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
  /** Remembers which transaction a session pays; `localStorage` by default. */
  storage?: Storage | null;
}

/** Events: `ready`, `opening`, `redirecting`, `processing`, `finished` and `error`, each a CustomEvent. */
export declare class SaleorAmazonPay extends EventTarget {
  constructor(options: SaleorAmazonPayOptions);
  initialize(sourceId: string, data?: GatewayRequest, options?: { amount?: string }): Promise<GatewayData>;
  mountButton(container: Element, options: {
    amazonPay: AmazonPayConfig;
    prepare: () => Promise<string | null>;
    data: GatewayRequest | ((sourceId: string) => GatewayRequest);
    label?: string;
  }): Promise<MountedButton>;
  review(sourceId: string, options?: {
    sessionId?: string | null;
    data?: GatewayRequest;
    elements?: { changeAddress?: Element | null; changePayment?: Element | null };
  }): Promise<GatewayData>;
  pay(sourceId: string, options: {
    sessionId?: string | null;
    data: { checkoutResultReturnUrl: string } | { returnUrl: string };
    amount?: string;
    idempotencyKey?: string;
  }): Promise<TransactionAnswer>;
  recall(sessionId?: string | null): { transactionId: string; sourceId: string; at: number } | null;
  finish(options?: {
    sessionId?: string | null;
    transactionId?: string;
  }): Promise<TransactionAnswer & { outcome: PreciseOutcome }>;
  goOn(answer: TransactionAnswer): void;
  unmount(): void;
}
