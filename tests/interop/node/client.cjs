'use strict';

// node-redlock at the command of the tests.
//
// client.cjs serve PORT…                                 answers lines: acquire, extend, release
// client.cjs witness COUNTER_PORT TASKS INCREMENTS PORT… increments a counter; without lock ports it does not lock

const { setTimeout: pause } = require('node:timers/promises');
const readline = require('node:readline');
const Redis = require('ioredis');
const { default: Redlock } = require('redlock');

// One attempt. Its own retries keep what an attempt has taken on a minority, and a vote split among three contenders then
// stays split until the ttl ends.
const ONCE = { retryCount: 0 };

const connect = (port) => new Redis(Number(port), '127.0.0.1');

async function serve(ports) {
  const redlock = new Redlock(ports.map(connect), ONCE);
  const held = new Map();
  const commands = {
    acquire: async (names, ttl) => held.set(names, await redlock.acquire(names.split(','), Number(ttl))),
    extend: async (names, ttl) => {
      const lock = held.get(names);
      // The test wants the servers' answer also where the client knows that its lease is over.
      lock.expiration = Date.now() + Number(ttl);
      held.set(names, await lock.extend(Number(ttl)));
    },
    release: async (names) => held.get(names).release(),
  };
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...words] = line.split(' ');
    const answer = await commands[command](...words).then(() => 'yes', (error) => `no ${error.message}`);
    process.stdout.write(`${answer}\n`);
  }
}

async function acquire(redlock) {
  for (;;) {
    try {
      return await redlock.acquire(['counter'], 20_000);
    } catch (error) {
      if (error.name !== 'ExecutionError') throw error;
      await pause(1 + Math.random() * 3);
    }
  }
}

async function increment(counter, increments, redlock) {
  for (let done = 0; done < increments; done += 1) {
    const lock = redlock && (await acquire(redlock));
    const seen = Number(await counter.get('counter'));
    await pause(1);
    await counter.set('counter', seen + 1);
    await lock?.release();
  }
}

// A test that was killed closes its end, and stops nobody.
const endWithTest = () => process.stdin.resume().on('end', () => process.exit(1));

async function witness([port, tasks, increments, ...ports]) {
  endWithTest();
  const counters = Array.from({ length: Number(tasks) }, () => connect(port));
  const clients = ports.map(connect);
  await Promise.all([...counters, ...clients].map((client) => client.ping()));
  // From now on the others contend with it.
  process.stdout.write('ready\n');
  const redlock = clients.length > 0 ? new Redlock(clients, ONCE) : undefined;
  await Promise.all(counters.map((counter) => increment(counter, Number(increments), redlock)));
}

const [mode, ...words] = process.argv.slice(2);
const run = { serve, witness }[mode];
run(words).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
