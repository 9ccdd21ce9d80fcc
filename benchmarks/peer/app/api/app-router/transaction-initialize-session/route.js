import { SaleorSyncWebhook } from "@saleor/app-sdk/handlers/next-app-router";
import { initialize } from "../../../../amazon";
import { configuration } from "../../../../webhook";

const webhook = new SaleorSyncWebhook(configuration("/api/app-router/transaction-initialize-session"));

export const dynamic = "force-dynamic";
export const POST = webhook.createHandler(async (_request, { payload }) => Response.json(await initialize(payload)));
