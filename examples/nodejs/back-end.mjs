// A back end for Hushbell in fifty lines or so; docs/back-end.md goes through it.
//
//     npm ci && node back-end.mjs mqtt://127.0.0.1:18830 ../member.json

import { randomUUID } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import mqtt from "mqtt";

const ME = "nodejs-back-end", ROOT = "hushbell/v1/lilac-01/", DAY_S = 86400;
const [url, memberFile] = process.argv.slice(2);
const member = JSON.parse(readFileSync(memberFile, "utf8"));

const seen = new Set(); // ids of the events that were dealt with
const last = new Map(); // by topic, the highest sequence that came
const journal = `${ME}.journal`; // in earnest a table whose key is the event's id, kept for a day
for (const line of existsSync(journal) ? readFileSync(journal, "utf8").trim().split("\n") : []) {
  const [id, topic, number] = line.split(" ");
  seen.add(id);
  last.set(topic, Number(number));
}

function say(topic, body, options = {}) {
  client.publish(ROOT + topic, JSON.stringify(body), { qos: 1, ...options });
}

// Send a command. Its answer bears the same Correlation Data, also after this program was restarted.
function ask(command, args) {
  const correlationData = Buffer.from(`${command} ${randomUUID()}`);
  say(`commands/${command}`, args, { properties: { responseTopic: `${ROOT}replies/${ME}/answers`, correlationData } });
}

function answered(command, { ok, result, error }) {
  if (!ok) { // error.code: invalid, unknown, refused, busy, too_large or internal
    console.log(`${command}: ${error.code} ${error.field ?? ""}: ${error.message}`);
  } else if (command === "events.since") {
    for (const { event } of result.events) {
      if (event) heard(result.topic, event, true); // else it has expired, and only `gone` says so
    }
    if (result.more) ask("events.since", { topic: result.topic, sequence: result.events.at(-1).sequence });
  } else {
    console.log(`${command}: ok ${JSON.stringify(result)}`);
  }
}

function heard(topic, event, late = false) {
  if (seen.has(event.id)) return;
  if (!late) {
    const number = Number(event.sequence), before = last.get(topic) ?? number;
    if (number > before + 1) { // something is missing
      ask("events.since", { topic, sequence: String(before).padStart(16, "0") });
    }
    last.set(topic, number);
  }
  console.log(event.time, topic, event.type, JSON.stringify(event.data));
  if (event.type === "hushbell.offer.triggered") { // the customer's app shows it, and then:
    say("outcomes", { feedback: event.data.feedback, outcome: "shown" });
  }
  seen.add(event.id);
  appendFileSync(journal, `${event.id} ${topic} ${last.get(topic) ?? 0}\n`);
}

const client = mqtt.connect(url, {
  protocolVersion: 5,
  clientId: ME,
  clean: false,
  properties: { sessionExpiryInterval: DAY_S }, // so long the broker keeps what comes while we are away
});

client.on("connect", () => {
  console.log("connected");
  const topics = ["visits", "offers/+", "crowd", "alerts/+", `replies/${ME}/#`];
  client.subscribe(topics.map((topic) => ROOT + topic), { qos: 1 });
  ask("members.put", member); // again at each connection: the same member once more changes nothing
  say("facts/new_arrivals", true, { retain: true });
});

client.on("message", (topic, payload, { properties }) => {
  const on = topic.slice(ROOT.length), body = JSON.parse(payload);
  if (on.startsWith("replies/")) answered(properties.correlationData.toString().split(" ")[0], body);
  else heard(on, body);
});

client.on("error", (error) => console.error(error.message));
