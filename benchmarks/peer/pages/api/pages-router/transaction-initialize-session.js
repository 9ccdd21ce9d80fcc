import { SaleorSyncWebhook } from "@saleor/app-sdk/handlers/next";
import { initialize } from "../../../amazon";
import { configuration } from "../../../webhook";

const webhook = new SaleorSyncWebhook(configuration("/api/pages-router/transaction-initialize-session"));

export const config = { api: { bodyParser: false } };
export default webhook.createHandler(async (_request, response, { payload }) =>
  response.json(await initialize(payload)),
);
