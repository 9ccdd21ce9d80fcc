const fs = require("node:fs");
const axios = require("axios");
const { WebStoreClient } = require("@amazonpay/amazon-pay-api-sdk-nodejs");

// The SDK knows only https; the endpoint of the benchmark is plain HTTP for everyone who is measured.
axios.interceptors.request.use((config) => ({ ...config, url: config.url.replace(/^https:/, "http:") }));

let client;

function amazonPay() {
  client ??= new WebStoreClient({
    publicKeyId: process.env.BENCH_PUBLIC_KEY_ID,
    privateKey: fs.readFileSync(process.env.BENCH_PRIVATE_KEY_FILE),
    region: "jp",
    sandbox: true,
    algorithm: "AMZN-PAY-RSASSA-PSS-V2",
    overrideServiceUrl: process.env.BENCH_AMAZON_PAY_HOST,
  });
  return client;
}

/** One webhook's business: Update Checkout Session, then Saleor's answer. */
async function initialize(event) {
  const { amazonCheckoutSessionId, checkoutResultReturnUrl } = event.data;
  const updated = await amazonPay().updateCheckoutSession(amazonCheckoutSessionId, {
    webCheckoutDetails: { checkoutResultReturnUrl },
    paymentDetails: {
      paymentIntent: "Authorize",
      canHandlePendingAuthorization: false,
      chargeAmount: { amount: String(event.action.amount), currencyCode: event.action.currency },
    },
    merchantMetadata: { merchantReferenceId: event.transaction.id },
  });
  return {
    result: "AUTHORIZATION_ACTION_REQUIRED",
    amount: event.action.amount,
    data: { amazonPayRedirectUrl: updated.data.webCheckoutDetails.amazonPayRedirectUrl, amazonCheckoutSessionId },
  };
}

module.exports = { initialize };
