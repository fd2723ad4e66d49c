// What an application does with the published JavaScript client: deploy, execute, call, select.
// usage: node client.mjs <provider> <private key of the owner, hex>
import assert from "node:assert/strict";
import { createRequire } from "node:module";

// The client is installed beside this file or named by its folder.
const require = createRequire(process.env.KWIL_JS_FOLDER ?? import.meta.url);
const { NodeKwil, KwilSigner, Utils } = require("@kwilteam/kwil-js");
const { Wallet } = require("ethers");
const { DataType } = Utils;

const [provider, key] = process.argv.slice(2);
const wallet = new Wallet(key);
const signer = new KwilSigner(wallet, wallet.address);
const kwil = new NodeKwil({ kwilProvider: provider, chainId: "test-chain", timeout: 60000 });

const steps = [];
async function step(name, run) {
  try {
    await run();
  } catch (error) {
    console.error(`${name}: ${error.stack ?? error}`);
    process.exit(1);
  }
  steps.push(name);
}

/** What the client throws must say this. */
async function fails(promise, ...texts) {
  const error = await promise.then(
    (answer) => assert.fail(`no error but ${JSON.stringify(answer.data)}`),
    (error) => error,
  );
  for (const text of texts) {
    assert.ok(String(error.message).includes(text), `"${text}" is not in: ${error.message}`);
  }
}

const sql = (text, params = {}) => kwil.execSql(text, params, signer, true);
const execute = (name, inputs, types) =>
  kwil.execute({ namespace: "shop", name, inputs, types, description: "a test" }, signer, true);
const call = (name, inputs, types, as = signer) =>
  kwil.call({ namespace: "shop", name, inputs, types }, as);

await step("chain info", async () => {
  assert.equal((await kwil.ping()).data, "pong");
  assert.equal((await kwil.chainInfo()).data.chain_id, "test-chain");
});

await step("deploy", async () => {
  await sql("CREATE NAMESPACE shop;");
  await sql(`{shop}CREATE TABLE items (
    id INT8 PRIMARY KEY, name TEXT NOT NULL UNIQUE, price NUMERIC(20,6), code UUID, image BYTEA, sold BOOL,
    tags TEXT[], sizes INT8[], CHECK (price >= 0::numeric(20,6)));`);
  await sql(`{shop}CREATE ACTION add($id INT8, $name TEXT, $price NUMERIC(20,6), $code UUID, $image BYTEA, $sold BOOL,
    $tags TEXT[], $sizes INT8[]) PUBLIC {
      INSERT INTO items VALUES ($id, $name, $price, $code, $image, $sold, $tags, $sizes);
    };`);
  await sql(`{shop}CREATE ACTION get($id INT8) PUBLIC VIEW RETURNS TABLE(id INT8, name TEXT, price NUMERIC(20,6),
    code UUID, image BYTEA, sold BOOL, tags TEXT[], sizes INT8[]) {
      RETURN SELECT id, name, price, code, image, sold, tags, sizes FROM items WHERE id = $id;
    };`);
  await sql("{shop}CREATE ACTION whoami() PUBLIC VIEW RETURNS (who TEXT) { RETURN @caller; };");
  await sql("{shop}CREATE ACTION refuse($why TEXT) PUBLIC { ERROR('refused: ' || $why); };");
  const actions = (await kwil.getActions("shop")).data;
  const add = actions.find((action) => action.name === "add");
  assert.ok(add.access_modifiers.includes("PUBLIC"));
  assert.deepEqual(add.parameter_names.slice(0, 2), ["$id", "$name"]);
});

const code = "39a12a4e-6f14-4f5c-9d3a-0123456789ab";
const image = new Uint8Array([0, 1, 254, 255]);

// The client types 123.456 as numeric(6,3), which no numeric(20,6) takes: prices need the types of a later step.
await step("named inputs of every type", async () => {
  await execute("add", [{
    $id: 1, $name: "a 'quoted' name", $price: null, $code: code, $image: image, $sold: true,
    $tags: ["x", "y"], $sizes: [1, 2, 3],
  }]);
  const [row] = (await call("get", { $id: 1 })).data.result;
  assert.deepEqual(row, {
    id: "1", name: "a 'quoted' name", price: null, code, image: "AAH+/w==", sold: true,
    tags: ["x", "y"], sizes: ["1", "2", "3"],
  });
});

await step("positional inputs, NULL, several rows at once", async () => {
  await execute("add", [
    [2, "second", null, null, null, null, null, null],
    [3, "third", null, code, null, false, ["t"], [7]],
  ]);
  const [second] = (await call("get", [2])).data.result;
  assert.deepEqual(second, {
    id: "2", name: "second", price: null, code: null, image: null, sold: null, tags: null, sizes: null,
  });
  const [third] = (await call("get", [3])).data.result;
  assert.deepEqual([third.price, third.tags, third.sizes], [null, ["t"], ["7"]]);
});

await step("types of the caller's own choice", async () => {
  const types = {
    $id: DataType.Int, $name: DataType.Text, $price: DataType.Numeric(20, 6), $code: DataType.Uuid,
    $image: DataType.Bytea, $sold: DataType.Boolean, $tags: DataType.TextArray, $sizes: DataType.IntArray,
  };
  // Without its type this name would be sent as a UUID.
  const name = "00000000-0000-4000-8000-000000000000";
  await execute("add", [{
    $id: 4, $name: name, $price: "0.000001", $code: code, $image: image, $sold: false, $tags: ["z"], $sizes: [9],
  }], types);
  const [row] = (await call("get", { $id: 4 })).data.result;
  assert.deepEqual([row.name, row.price, row.sizes], [name, "0.000001", ["9"]]);
});

await step("select with parameters", async () => {
  const rows = (await kwil.selectQuery("{shop}SELECT id, name FROM items WHERE id > $id ORDER BY id", { $id: 2 })).data;
  assert.deepEqual(rows.map((row) => row.id), ["3", "4"]);
  const none = (await kwil.selectQuery("{shop}SELECT id FROM items WHERE name = $n", { $n: "nobody" })).data;
  assert.deepEqual(none, []);
});

await step("SQL with parameters in a transaction", async () => {
  const { data } = await sql("{shop}UPDATE items SET name = $name WHERE id = $id", { $name: "renamed", $id: 2 });
  const [row] = (await kwil.selectQuery("{shop}SELECT name FROM items WHERE id = 2")).data;
  assert.equal(row.name, "renamed");
  const info = (await kwil.txInfo(data.tx_hash)).data;
  assert.equal(info.tx_result.code, 0);
  assert.ok(info.height > 0);
});

await step("the caller", async () => {
  assert.deepEqual((await call("whoami", [])).data.result, [{ who: wallet.address }]);
  const nobody = await kwil.call({ namespace: "shop", name: "whoami", inputs: [] });
  assert.deepEqual(nobody.data.result, [{ who: "" }]);
});

await step("what the node refuses", async () => {
  await fails(execute("refuse", [["no money"]]), '"code":65535', "refused: no money");
  await fails(execute("add", [[1, "again", null, code, image, true, ["x"], [1]]]), "65535", "duplicate key", "23505");
  await fails(execute("add", [[5, "cheap", "-1", code, image, true, ["x"], [1]]],
    [DataType.Int, DataType.Text, DataType.Numeric(20, 6), DataType.Uuid, DataType.Bytea, DataType.Boolean,
      DataType.TextArray, DataType.IntArray]), "65535", "23514");
  await fails(kwil.selectQuery("{shop}SELECT missing FROM items"), "-300", "column not found");
  await fails(kwil.selectQuery("{nowhere}SELECT 1"), "-301", "namespace not found");
  await fails(kwil.selectQuery("{shop}DELETE FROM items"), "-300", "does not have privilege DELETE");
  await fails(call("nothing", []), "-300", "unknown action");
  const stranger = Wallet.createRandom();
  const drop = kwil.execSql("DROP NAMESPACE shop;", {}, new KwilSigner(stranger, stranger.address), true);
  await fails(drop, "user does not have privilege DROP");
  const rows = (await kwil.selectQuery("{shop}SELECT count(*) AS n FROM items")).data;
  assert.deepEqual(rows, [{ n: "4" }]);
});

console.log(steps.join("\n"));
