"""A back end for Hushbell in fifty lines or so; docs/back-end.md goes through it.

python back_end.py mqtt://127.0.0.1:18830 ../member.json
"""

import json
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

ME, ROOT, DAY_S = "python-back-end", "hushbell/v1/lilac-01/", 86400
broker, member = urlsplit(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8"))

seen: set[str] = set()  # ids of the events that were dealt with
last: dict[str, int] = {}  # by topic, the highest sequence that came
journal = Path(f"{ME}.journal")  # in earnest a table whose key is the event's id, kept for a day
for line in journal.read_text().splitlines() if journal.exists() else ():
    event_id, on, number = line.split()
    seen.add(event_id)
    last[on] = int(number)


def say(topic: str, body: Any, properties: Properties | None = None, *, retain: bool = False) -> None:
    client.publish(ROOT + topic, json.dumps(body), qos=1, retain=retain, properties=properties)


def ask(command: str, arguments: dict[str, Any]) -> None:
    """Send a command. Its answer bears the same Correlation Data, also after this program was restarted."""
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = f"{ROOT}replies/{ME}/answers"
    properties.CorrelationData = f"{command} {uuid.uuid4()}".encode()
    say(f"commands/{command}", arguments, properties)


def answered(command: str, answer: dict[str, Any]) -> None:
    if not answer["ok"]:
        error = answer["error"]  # code: invalid, unknown, refused, busy, too_large or internal
        print(f"{command}: {error['code']} {error.get('field', '')}: {error['message']}")
    elif command == "events.since":
        result = answer["result"]
        for row in result["events"]:
            if "event" in row:  # else it has expired, and only `gone` says so
                heard(result["topic"], row["event"], late=True)
        if result["more"]:
            ask("events.since", {"topic": result["topic"], "sequence": result["events"][-1]["sequence"]})
    else:
        print(f"{command}: ok {json.dumps(answer['result'])}")


def heard(topic: str, event: dict[str, Any], *, late: bool = False) -> None:
    if event["id"] in seen:
        return
    if not late:
        number = int(event["sequence"])
        if number > last.get(topic, number) + 1:  # something is missing
            ask("events.since", {"topic": topic, "sequence": f"{last[topic]:016}"})
        last[topic] = number
    print(event["time"], topic, event["type"], json.dumps(event["data"], ensure_ascii=False))
    if event["type"] == "hushbell.offer.triggered":  # the customer's app shows it, and then:
        say("outcomes", {"feedback": event["data"]["feedback"], "outcome": "shown"})
    seen.add(event["id"])
    with journal.open("a") as file:
        file.write(f"{event['id']} {topic} {last.get(topic, 0)}\n")


def on_connect(client: Client, _: object, __: object, reason: object, ___: object) -> None:
    print("connected:", reason)
    client.subscribe([(ROOT + on, 1) for on in ("visits", "offers/+", "crowd", "alerts/+", f"replies/{ME}/#")])
    ask("members.put", member)  # again at each connection: the same member once more changes nothing
    say("facts/new_arrivals", True, retain=True)


def on_message(_: Client, __: object, message: Any) -> None:
    topic, body = message.topic.removeprefix(ROOT), json.loads(message.payload)
    if topic.startswith("replies/"):
        answered(message.properties.CorrelationData.decode().split()[0], body)
    else:
        heard(topic, body)


client = Client(CallbackAPIVersion.VERSION2, ME, protocol=MQTTv5)
client.on_connect, client.on_message = on_connect, on_message
if broker.username:
    client.username_pw_set(broker.username, broker.password)
if broker.scheme == "mqtts":
    client.tls_set()
session = Properties(PacketTypes.CONNECT)
session.SessionExpiryInterval = DAY_S  # so long the broker keeps what comes while we are away
client.connect(broker.hostname or "", broker.port or 1883, clean_start=False, properties=session)
client.loop_forever()
