// The connector protocol with grpc-js: node grpc_js_worker.js MODULES PROTO_DIRECTORY ADDRESS
// Prints "ok <case>" for each; the exit code tells.
'use strict';
const path = require('path');

const [modules, directory, address] = process.argv.slice(2);
const load = (name) => require(path.join(modules, 'node_modules', name));
const grpc = load('@grpc/grpc-js');
const loader = load('@grpc/proto-loader');

const pkg = grpc.loadPackageDefinition(loader.loadSync(
    ['flyteidl/service/agent.proto', 'grpc/health/v1/health.proto'],
    {defaults: true, enums: String, includeDirs: [directory]}));
const plain = grpc.credentials.createInsecure();
const service = pkg.flyteidl.service;
const tasks = new service.AsyncAgentService(address, plain);
const sync = new service.SyncAgentService(address, plain);
const agents = new service.AgentMetadataService(address, plain);
const health = new pkg.grpc.health.v1.Health(address, plain);

function check(is, what) {
  if (!is) throw new Error(what);
}

function unary(client, method, request) {
  return new Promise((resolve, reject) => {
    client[method](request, {deadline: Date.now() + 10000},
                   (error, reply) => (error ? reject(error) : resolve(reply)));
  });
}

const integer = (n) => ({scalar: {primitive: {integer: n}}});
const inputs = {literals: {x: integer(42)}};
const variables = {variables: {x: {type: {simple: 'INTEGER'}}}};
const template = (type) => ({
  id: {resourceType: 'TASK', project: 'p', domain: 'd', name: 't', version: 'v'},
  type, interface: {inputs: variables, outputs: variables}, metadata: {},
});
const value = (resource) => Number(resource.outputs.literals.x.scalar.primitive.integer);

const cases = {
  async list() {
    const {agents: listed} = await unary(agents, 'ListAgents', {});
    const types = listed.flatMap((a) => a.supportedTaskCategories.map((c) => c.name));
    check(types.includes('echo') && types.includes('echo_sync'), `types ${types}`);
  },
  async 'create and get'() {
    const {resourceMeta} = await unary(tasks, 'CreateTask', {template: template('echo'), inputs});
    for (const end = Date.now() + 20000; ;) {
      const {resource} = await unary(tasks, 'GetTask',
                                     {resourceMeta, taskCategory: {name: 'echo'}});
      if (resource.phase === 'SUCCEEDED') {
        check(value(resource) === 42, JSON.stringify(resource));
        break;
      }
      check(!/FAILED|ABORTED/.test(resource.phase) && Date.now() < end, JSON.stringify(resource));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await unary(tasks, 'DeleteTask', {resourceMeta, taskCategory: {name: 'echo'}});
  },
  async sync() {
    const resource = await new Promise((resolve, reject) => {
      const call = sync.ExecuteTaskSync();
      call.on('data', (reply) => resolve(reply.header.resource));
      call.on('error', reject);
      call.on('end', () => reject(new Error('no answer')));
      call.write({header: {template: template('echo_sync')}});
      call.write({inputs});
      call.end();
    });
    check(resource.phase === 'SUCCEEDED' && value(resource) === 42, JSON.stringify(resource));
  },
  async 'unknown type'() {
    const error = await unary(tasks, 'CreateTask', {template: template('nope'), inputs})
        .then(() => null, (e) => e);
    check(error && error.code === grpc.status.NOT_FOUND &&
          error.details === 'Cannot find connector for task type: nope.', String(error));
  },
  async health() {
    const {status} = await unary(health, 'Check', {service: 'flyteidl.service.AsyncAgentService'});
    check(status === 'SERVING', status);
  },
};

(async () => {
  for (const [name, run] of Object.entries(cases)) {
    await run().catch((e) => {
      console.log(`failed ${name}: ${e.stack}`);
      process.exitCode = 1;
    });
    if (process.exitCode) break;
    console.log(`ok ${name}`);
  }
  [tasks, sync, agents, health].forEach((c) => c.close());
})();
