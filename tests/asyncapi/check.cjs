// node check.cjs FOLDER DOCUMENT: tell as JSON what the official parser, installed in FOLDER, says of an AsyncAPI document.
const { readFileSync } = require("node:fs");
const [folder, file] = process.argv.slice(2);
const { Parser } = require(require.resolve("@asyncapi/parser", { paths: [folder] }));

(async () => {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
  const complaints = diagnostics
    .filter(({ severity }) => severity <= 1) // errors and warnings
    .map(({ path, message }) => `${path.join(".")}: ${message}`);
  const messages = document ? document.allMessages().all().map((message) => message.id()) : [];
  console.log(JSON.stringify({ complaints, messages }));
})();
