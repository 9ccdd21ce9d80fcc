/** An order somebody wrote for the buyer: one click pays it, and the app completes the payment before the buyer is back. */
import {amazonPay, element, explain, money, page, saleor, texts} from "./shop.js";

const parameters = new URLSearchParams(location.search);
const orderId = parameters.get("order");
const FAILED = new Set(["failed", "declined", "cancelled", "expired", "invalid"]);
const PAID = new Set(["FULL", "OVERCHARGED"]);

async function show() {
  const {order} = orderId
    ? await saleor(
        `query($id: ID!) { order(id: $id) { id number total { gross { amount currency } } chargeStatus authorizeStatus } }`,
        {id: orderId},
      )
    : {order: null};
  if (!order) return say("unknown");
  element("number").textContent = `#${order.number}`;
  element("total").textContent = money(order.total.gross);
  element("facts").hidden = false;
  if (PAID.has(order.chargeStatus) || order.authorizeStatus === "FULL") return say("orderPaid");
  say(FAILED.has(parameters.get("result")) ? "orderFailed" : "orderDue");
  await offer();
}

function say(outcome) {
  const [title, message] = texts.outcomes[outcome];
  element("outcome").dataset.outcome = outcome;
  element("title").textContent = title;
  element("message").textContent = message;
}

async function offer() {
  const {amazonPay: configuration} = await amazonPay.initialize(orderId, {flow: "apb", placement: "Other"});
  await amazonPay.mountPayNow(element("amazon-pay"), {
    amazonPay: configuration,
    prepare: async () => orderId,
    data: {returnUrl: page("order.html", {order: orderId}), checkoutCancelUrl: page("order.html", {order: orderId})},
  });
}

amazonPay.addEventListener("error", ({detail}) => explain(detail.error));
try {
  await show();
} catch (error) {
  explain(error);
}
