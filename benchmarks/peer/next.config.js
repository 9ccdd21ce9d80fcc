// Loaded from node_modules as they are, so that the axios that amazon.js adjusts is the one the SDK uses.
module.exports = {
  serverExternalPackages: ["@amazonpay/amazon-pay-api-sdk-nodejs", "axios"],
};
