// Runs calls of Amazon's own Node SDK: one JSON object per line in, one per line out.
//   in:  {"client": "WebStoreClient", "method": "getCharge", "args": [...]}
//   out: {"status": 200, "data": {...}, "requestId": "..."} or {"value": ...} or {"failure": "..."}
"use strict";

const readline = require("node:readline");

const { sdk: folder, config } = JSON.parse(process.env.OFFICIAL_SDK_SETTINGS);
const sdk = require(folder);

function outcome(response) {
  if (response === undefined || typeof response === "string") return { value: response };
  return { status: response.status, data: response.data, requestId: response.headers["x-amz-pay-request-id"] };
}

async function call({ client, method, args }) {
  try {
    const made = new sdk[client](config);
    return outcome(await made[method](...args));
  } catch (error) {
    return error.response ? outcome(error.response) : { failure: String(error.message || error) };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await call(JSON.parse(line))) + "\n");
  }
}

main();
