"""Publishes payments to a broker service, and issues a card for each: python3 client.py URL [PAYMENTS [CARDS [FOLDER]]]
Written from docs/protocol.md. A fifth of the ACKs is dropped on purpose, in both halves. CARDS: as many to wait for."""
import collections, http.client, json, os, random, secrets, sqlite3, sys, tempfile, threading, time
import urllib.error, urllib.request, uuid, zlib

TOPIC, GROUP, LEASE_MS, PATIENCE_S = "payment.succeeded", "python-cards", 2_000, 60
PAYMENTS = f"""CREATE TABLE IF NOT EXISTS payment (id TEXT PRIMARY KEY, user_id TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, inner_msg_id TEXT NOT NULL,
    topic TEXT NOT NULL, biz_id TEXT NOT NULL, body TEXT NOT NULL, sends INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE IF NOT EXISTS outbox_origin (id INTEGER PRIMARY KEY, origin TEXT NOT NULL, claims INTEGER NOT NULL);
  INSERT OR IGNORE INTO outbox_origin VALUES (1, '{uuid.uuid4()}', 0)"""
CARDS = """CREATE TABLE IF NOT EXISTS card (id INTEGER PRIMARY KEY, payment_id TEXT NOT NULL, user_id TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS dedup (scenario TEXT, biz_id BLOB, created_at REAL, PRIMARY KEY (scenario, biz_id))"""
token, seen = os.environ.get("BROKER_TOKEN"), collections.Counter()
headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def database(path, schema):
    db = sqlite3.connect(path, timeout=30, isolation_level="IMMEDIATE")
    db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; {schema}")
    return db


def uuid7():
    ms, bits = time.time_ns() // 1_000_000, secrets.randbits(74)
    return str(uuid.UUID(int=ms << 80 | 7 << 76 | bits >> 62 << 64 | 2 << 62 | bits & (1 << 62) - 1))


def drops_ack(biz_id):
    return zlib.crc32(biz_id.encode()) % 5 == 0


def ask(base, operation, within=10, patience=float("inf"), **fields):
    """The same bytes until an answer comes, since any request may be repeated. None: no answer in so many seconds."""
    body, pause, until = json.dumps(fields).encode(), 0.1, time.monotonic() + patience
    while time.monotonic() <= until:
        try:
            request = urllib.request.Request(f"{base}/v1/{operation}", body, headers)
            with opener.open(request, timeout=within) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 408:
                print(operation, error.code, error.read().decode(errors="replace"), file=sys.stderr)
                raise
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(2 * pause, 5)


def pay(db, payment_id, user_id):
    message = (uuid7(), TOPIC, payment_id, json.dumps({"paymentId": payment_id, "userId": user_id, "amount": 900}))
    with db:  # a transaction: payment and message, or neither
        db.execute("INSERT INTO payment VALUES (?, ?)", (payment_id, user_id))
        db.execute("INSERT INTO outbox (inner_msg_id, topic, biz_id, body) VALUES (?, ?, ?, ?)", message)


def relay(base, path, most=50):
    """Steps 1 and 3. What was sent before goes after the rest, so that a row which is refused holds up no other."""
    db = database(path, PAYMENTS)
    while True:
        with db:  # before a byte leaves
            db.execute("UPDATE outbox_origin SET claims = claims + 1 WHERE EXISTS (SELECT 1 FROM outbox)")
            columns = "seq, sends, inner_msg_id, topic, biz_id, body"
            rows = db.execute(f"SELECT {columns} FROM outbox ORDER BY sends, seq LIMIT ?", (most,)).fetchall()
            db.executemany("UPDATE outbox SET sends = sends + 1 WHERE seq = ?", [row[:1] for row in rows])
            origin, claims = db.execute("SELECT origin, claims FROM outbox_origin").fetchone()
        messages = [dict(zip(("innerMsgId", "topic", "bizId", "body"), row[2:])) for row in rows]
        try:
            sent = rows and ask(base, "send", origin=origin, claims=claims, messages=messages)["answers"]
        except urllib.error.HTTPError as error:
            if error.code not in (400, 413):
                raise
            sent, most = [], 1  # one of them is refused, and nobody knows which: one by one
        acked = []
        for (seq, sends, _, _, biz_id, _), answer in zip(rows, sent if len(sent) == len(rows) else []):
            seen["resends absorbed"] += answer["kind"] == "duplicate"
            if sends == 0 and drops_ack(biz_id):
                seen["ACKs to the publisher dropped"] += 1
            elif answer["kind"] in ("landed", "duplicate", "quarantined"):
                acked.append((seq,))
        with db:
            db.executemany("DELETE FROM outbox WHERE seq = ?", acked)
        time.sleep(0.05 if len(acked) == len(rows) else 0.5)


def claim(base, db, operation, subscription, **fields):
    """Step 4. `claim-alone` names no further suspects; and by then nothing else is held."""
    asked, leases = time.monotonic(), {"subscription": subscription, "claimId": str(uuid.uuid4()), "leaseMs": LEASE_MS}
    answer = ask(base, operation, patience=LEASE_MS / 1000, **leases, **fields) or {}
    for delivery in answer.get("deliveries") or ([answer["delivery"]] if "delivery" in answer else []):
        age_ms = 1000 * (time.monotonic() - asked)
        if age_ms < LEASE_MS:  # else it is somebody else's by now
            consume(base, db, delivery, age_ms)
    for suspect in answer.get("suspects", []):
        claim(base, db, "claim-alone", subscription, **suspect)


def consume(base, db, delivery, age_ms):
    """Step 5: dedup row and card in one transaction, and the ACK after its COMMIT."""
    lease = {key: delivery[key] for key in ("subscription", "seq", "token", "orderingKey") if key in delivery}
    past = {key: delivery.get(key, []) for key in ("failures", "lostLeases", "errors")}
    if past["lostLeases"] > 5 or delivery.get("expiresInMs", float("inf")) <= age_ms:
        return ask(base, "dead-letter", lease=lease, reason="process-lost" if past["lostLeases"] > 5 else "expired", **past)
    try:
        with db:
            key = (f"{GROUP}/{TOPIC}", delivery["bizId"].encode(), time.time())
            is_first = db.execute("INSERT INTO dedup VALUES (?, ?, ?) ON CONFLICT DO NOTHING", key).rowcount == 1
            if is_first:
                paid = json.loads(delivery["body"])
                db.execute("INSERT INTO card (payment_id, user_id) VALUES (?, ?)", (paid["paymentId"], paid["userId"]))
    except sqlite3.OperationalError:  # of a COMMIT nobody knows, and a database that is busy or away costs nothing
        return ask(base, "give-back", lease=lease, delayMs=1000)
    except Exception as error:  # nothing is left of it: again later, and some day no more
        past["failures"] += 1
        past["errors"] = [*past["errors"], {"at": time.strftime("%FT%TZ", time.gmtime()), "error": repr(error)}][-20:]
        if past["failures"] >= 20:
            return ask(base, "dead-letter", lease=lease, reason="failed", **past)
        delay_ms = min(300_000, 1000 * 2 ** (past["failures"] - 1)) * random.uniform(0.5, 1)
        return ask(base, "retry-later", lease=lease, delayMs=delay_ms, **past)
    seen["redeliveries absorbed"] += not is_first
    if past["lostLeases"] == 0 and drops_ack(delivery["bizId"]):
        seen["ACKs to the broker dropped"] += 1
    else:
        ask(base, "acknowledge", leases=[lease])


def main(base, payments=200, wanted=None, folder=None):
    payments, wanted, folder = int(payments), int(wanted or payments), folder or tempfile.mkdtemp()
    db, cards_db = database(f"{folder}/payments.sqlite", PAYMENTS), database(f"{folder}/cards.sqlite", CARDS)
    subscription = ask(base, "subscribe", within=150, topic=TOPIC, group=GROUP, version=1)["subscription"]
    relaying = threading.Thread(target=relay, args=(base, f"{folder}/payments.sqlite"), daemon=True)
    relaying.start()
    for i in range(payments):
        pay(db, f"py-{i}", f"u-{i % 7}")
    cards, left, until = collections.Counter(), True, time.monotonic() + PATIENCE_S
    while relaying.is_alive() and time.monotonic() < until and (left or len(cards) < wanted):
        claim(base, cards_db, "claim", subscription, limit=10, keys="all", waitMs=500)
        cards = collections.Counter(id for (id,) in cards_db.execute("SELECT payment_id FROM card"))
        (unsent,) = db.execute("SELECT COUNT(*) FROM outbox").fetchone()
        left = unsent or seen["redeliveries absorbed"] < seen["ACKs to the broker dropped"]
    print(f"{payments} payments, {cards.total()} cards", *(f"{n} {what}" for what, n in seen.items()), sep=", ")
    print(f"lost {wanted - len(cards)}, doubled {cards.total() - len(cards)}")
    sys.exit("The relay has failed." if not relaying.is_alive() else not len(cards) == cards.total() == wanted)


if __name__ == "__main__":
    main(*sys.argv[1:])
