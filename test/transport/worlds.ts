import { BrokerOnEngine } from '../../src/broker-by-engine.js';
import { BrokerOverHttp } from '../../src/broker-over-http.js';
import type { BrokerByEngine } from '../../src/index.js';
import type { ContractWorld } from '../../src/testing/index.js';
import type { EngineTransport } from '../../src/transport/engine/engine.transport.js';
import { localTransport } from '../../src/transport/local.transport.js';
import { WINDOW_MS, openBroker } from '../relay/parts.js';
import { type Engine, createDatabase } from '../support/engines.js';
import { createJetstream } from '../support/jetstream.js';
import { createRabbitmq } from '../support/rabbitmq.js';
import { startService } from '../support/service.js';

/** A broker for each transport that there is, as transportContract wants it. */

export async function localWorld(engine: Engine): Promise<ContractWorld> {
  const database = await createDatabase(engine);
  const parts = await openBroker(database);
  return {
    transport: localTransport(parts.broker),
    restart: async () => localTransport(parts.another()),
    another: async () => localTransport(parts.another()),
    async close() {
      await parts.close();
      await database.drop();
    },
  };
}

export async function serviceWorld(engine: Engine): Promise<ContractWorld> {
  const database = await createDatabase(engine);
  const service = await startService(database);
  const clients: BrokerOverHttp[] = [];
  const connect = () => {
    const client = new BrokerOverHttp({ url: service.url });
    clients.push(client);
    return client;
  };
  let present = connect();
  return {
    transport: present.transport,
    async restart() {
      await present.close();
      return (present = connect()).transport;
    },
    another: async () => connect().transport,
    async close() {
      for (const client of clients) await client.close();
      await service.close();
      await database.drop();
    },
  };
}

export function rabbitmqWorld(engine: Engine): Promise<ContractWorld> {
  return engineWorld(engine, createRabbitmq());
}

export function jetstreamWorld(engine: Engine): Promise<ContractWorld> {
  return engineWorld(engine, createJetstream());
}

async function engineWorld(
  engine: Engine,
  inPlace: { broker(): BrokerByEngine; drop(): Promise<void> },
): Promise<ContractWorld> {
  const database = await createDatabase(engine);
  const parts = await openBroker(database);
  const connected: EngineTransport[] = [];
  const connect = async () => {
    const broker = new BrokerOnEngine(inPlace.broker(), () => undefined);
    await broker.tryToOpen();
    const made = broker.transport(parts.another(), WINDOW_MS);
    connected.push(made);
    return made;
  };
  let transport = await connect();
  return {
    transport,
    async restart() {
      await transport.close();
      return (transport = await connect());
    },
    another: connect,
    async close() {
      for (const each of connected) await each.close();
      await inPlace.drop();
      await parts.close();
      await database.drop();
    },
  };
}
