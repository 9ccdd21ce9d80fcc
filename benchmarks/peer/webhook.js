const { FileAPL } = require("@saleor/app-sdk/APL/file");

const EVENT = "TRANSACTION_INITIALIZE_SESSION";

/** What both routers register; the query is what a real app would subscribe to. */
module.exports = {
  configuration: (webhookPath) => ({
    name: EVENT,
    webhookPath,
    event: EVENT,
    isActive: true,
    apl: new FileAPL({ fileName: process.env.BENCH_APL_FILE }),
    query: `subscription { event { ... on TransactionInitializeSession { data action { amount } } } }`,
  }),
};
