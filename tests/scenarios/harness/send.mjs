// node send.mjs HOST PORT FILE…: send each file's HL7 message with node-hl7-client, one after another over one
// connection, and print the answers as a JSON list.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../package.json', import.meta.url));
const { Client, Message } = require('node-hl7-client');

const [host, port, ...files] = process.argv.slice(2);
const answers = [];
let answered;
const client = new Client({ host });
const connection = client.createConnection({ port: Number(port) }, async (response) => {
  answers.push(response.getMessage().toString());
  answered();
});
const fail = (error) => {
  console.error(String(error));
  process.exit(1);
};
connection.on('error', fail);
client.on('error', fail);
setTimeout(() => fail('no answer within 30 s'), 30_000).unref();

for (const file of files) {
  const text = readFileSync(file, 'utf8').replace(/\r?\n/g, '\r').replace(/\r+$/, '');
  const answer = new Promise((resolve) => {
    answered = resolve;
  });
  await connection.sendMessage(new Message({ text }));
  await answer;
}
console.log(JSON.stringify(answers));
await connection.close();
process.exit(0);
