/* Stands in for Amazon's checkout.js: the same functions, taking the browser to the simulator's pages.
   Amazon's behaviour that matters here: one button element per container, a full navigation on click, configuration
   errors thrown at once, createCheckoutSessionConfig not needed when the click is handled by the shop. */
(function () {
  "use strict";

  var origin = new URL(document.currentScript.src).origin;
  var PLACEMENTS = ["Home", "Product", "Cart", "Checkout", "Other"];
  var PRODUCT_TYPES = ["PayAndShip", "PayOnly", "SignIn", "PayAndShipMultiAddress"];
  var COLORS = {
    Gold: { background: "#ffd76a", border: "#c79a2b", text: "#1b2230" },
    LightGray: { background: "#eceef1", border: "#b4bac3", text: "#1b2230" },
    DarkGray: { background: "#3c434e", border: "#262b33", text: "#ffffff" },
  };
  var LABELS = {
    en: { pay: "Amazon Pay – use your Amazon account", signIn: "Sign in with Amazon" },
    ja: { pay: "Amazon Pay - Amazonアカウントでお支払い", signIn: "Amazonでログイン" },
  };

  function fail(message) {
    throw new Error("Amazon Pay (simulator): " + message);
  }

  function check(config) {
    if (!config || typeof config !== "object") fail("a configuration is needed.");
    ["merchantId", "ledgerCurrency"].forEach(function (name) {
      if (!config[name]) fail(name + " is missing.");
    });
    if (PLACEMENTS.indexOf(config.placement) < 0) fail("placement is missing or unknown.");
    if (config.productType && PRODUCT_TYPES.indexOf(config.productType) < 0) fail("productType is unknown.");
  }

  function isSignIn(config) {
    return config.productType === "SignIn";
  }

  function signedConfig(config) {
    return isSignIn(config) ? config.signInConfig : config.createCheckoutSessionConfig;
  }

  /* One JSON field: the browser would change line breaks inside payloadJSON if it were a field of its own. */
  function submit(path, request) {
    var form = document.createElement("form");
    form.method = "POST";
    form.action = origin + path;
    form.hidden = true;
    var input = document.createElement("input");
    input.type = "hidden";
    input.name = "request";
    input.value = JSON.stringify(request);
    form.appendChild(input);
    document.body.appendChild(form);
    form.submit();
  }

  function start(config) {
    check(config);
    var signed = signedConfig(config);
    if (!signed || !signed.payloadJSON || !signed.signature) {
      fail((isSignIn(config) ? "signInConfig" : "createCheckoutSessionConfig") + " is missing.");
    }
    submit(isSignIn(config) ? "/sign-in" : "/checkout", {
      payloadJSON: signed.payloadJSON,
      signature: signed.signature,
      algorithm: signed.algorithm,
      publicKeyId: signed.publicKeyId || config.publicKeyId,
      merchantId: config.merchantId,
      ledgerCurrency: config.ledgerCurrency,
      placement: config.placement,
      productType: config.productType || "PayAndShip",
      checkoutLanguage: config.checkoutLanguage,
      sandbox: config.sandbox,
    });
  }

  function merged(first, second) {
    return Object.assign({}, first, second);
  }

  function element(selector) {
    var found = typeof selector === "string" ? document.querySelector(selector) : selector;
    if (!found) fail("no element matches " + selector + ".");
    return found;
  }

  function labels(config) {
    var language = String(config.checkoutLanguage || document.documentElement.lang || "en").slice(0, 2);
    return LABELS[language] || LABELS.en;
  }

  function style() {
    if (document.getElementById("amazon-pay-simulator-style")) return;
    var sheet = document.createElement("style");
    sheet.id = "amazon-pay-simulator-style";
    sheet.textContent =
      ".amazonpay-simulator-button{display:inline-flex;align-items:center;justify-content:center;box-sizing:border-box;" +
      "width:100%;min-width:160px;min-height:45px;padding:0 1.4em;border:1px solid;border-radius:999px;cursor:pointer;" +
      "font:700 17px/1.2 system-ui,-apple-system,'Segoe UI','Hiragino Sans','Noto Sans JP',sans-serif;text-wrap:balance;" +
      "letter-spacing:.01em;transition:filter .12s}.amazonpay-simulator-button:hover{filter:brightness(.96)}" +
      ".amazonpay-simulator-button:active{filter:brightness(.9)}" +
      ".amazonpay-simulator-button:focus-visible{outline:3px solid #2f6fed;outline-offset:2px}";
    document.head.appendChild(sheet);
  }

  function draw(container, config) {
    style();
    var color = COLORS[config.buttonColor] || COLORS.Gold;
    var text = labels(config);
    var button = document.createElement("button");
    button.type = "button";
    button.className = "amazonpay-simulator-button";
    button.setAttribute("aria-label", isSignIn(config) ? text.signIn : text.pay);
    button.style.backgroundColor = color.background;
    button.style.borderColor = color.border;
    button.style.color = color.text;
    button.textContent = isSignIn(config) ? text.signIn : "Amazon Pay";
    container.replaceChildren(button);
    return button;
  }

  function renderButton(selector, config) {
    check(config);
    var state = merged(config, {});
    var handler = null;
    draw(element(selector), state).addEventListener("click", function () {
      if (handler) handler();
      else start(state);
    });
    return {
      onClick: function (given) {
        handler = given;
      },
      initCheckout: function (late) {
        start(merged(state, late));
      },
      updateButtonInfo: function (estimatedOrderAmount) {
        state.estimatedOrderAmount = estimatedOrderAmount;
      },
    };
  }

  function initCheckout(config) {
    start(config);
  }

  function bindChangeAction(selector, options) {
    var actions = ["changeAddress", "changePayment"];
    if (!options || !options.amazonCheckoutSessionId) fail("amazonCheckoutSessionId is missing.");
    if (actions.indexOf(options.changeAction) < 0) fail("changeAction is missing or unknown.");
    element(selector).addEventListener("click", function (event) {
      event.preventDefault();
      var id = encodeURIComponent(options.amazonCheckoutSessionId);
      window.location.assign(origin + "/checkout/" + id + "/choose?change=" + options.changeAction);
    });
  }

  function bindUpgradeAction(selector, config) {
    element(selector).addEventListener("click", function (event) {
      event.preventDefault();
      start(merged({ placement: "Other" }, config));
    });
  }

  function signout() {
    fetch(origin + "/sign-out", { method: "POST", mode: "no-cors", credentials: "include", keepalive: true });
  }

  window.amazon = window.amazon || {};
  window.amazon.Pay = {
    renderButton: renderButton,
    initCheckout: initCheckout,
    bindChangeAction: bindChangeAction,
    bindUpgradeAction: bindUpgradeAction,
    signout: signout,
  };
})();
