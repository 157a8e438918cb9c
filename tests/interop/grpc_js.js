// gRPC's interoperability cases with grpc-js: node grpc_js.js MODULES PROTO ADDRESS
// Prints "ok <case>" for each; the exit code tells.
'use strict';
const path = require('path');

const [modules, proto, address] = process.argv.slice(2);
const load = (name) => require(path.join(modules, 'node_modules', name));
const grpc = load('@grpc/grpc-js');
const loader = load('@grpc/proto-loader');

const pkg = grpc.loadPackageDefinition(loader.loadSync(proto, {defaults: true})).grpc.testing;
const client = new pkg.TestService(address, grpc.credentials.createInsecure());
const other = new pkg.UnimplementedService(address, grpc.credentials.createInsecure());
const zeros = (n) => ({body: Buffer.alloc(n)});
const REQUESTS = [27182, 8, 1828, 45904];
const REPLIES = [31415, 9, 2653, 58979];

function check(is, what) {
  if (!is) throw new Error(what);
}

function equal(got, wanted) {
  check(JSON.stringify(got) === JSON.stringify(wanted),
        `${JSON.stringify(got)} is not ${JSON.stringify(wanted)}`);
}

// A unary call: [error, reply, initial metadata, final status].
function unary(target, method, request, metadata, options) {
  return new Promise((resolve) => {
    const seen = {};
    const call = target[method](request, metadata || new grpc.Metadata(), options || {},
                                (error, reply) => {
                                  seen.error = error;
                                  seen.reply = reply;
                                });
    call.on('metadata', (m) => { seen.initial = m; });
    call.on('status', (s) => {
      seen.status = s;
      setImmediate(() => resolve(seen));
    });
  });
}

// Everything that a stream of replies gives, and how it ended.
function drain(call, onReply) {
  return new Promise((resolve) => {
    const seen = {replies: []};
    call.on('metadata', (m) => { seen.initial = m; });
    call.on('data', (reply) => {
      seen.replies.push(reply);
      if (onReply) onReply(reply);
    });
    call.on('error', () => {});
    call.on('status', (s) => {
      seen.status = s;
      setImmediate(() => resolve(seen));
    });
  });
}

const sizes = (seen) => seen.replies.map((r) => r.payload.body.length);

const cases = {
  async empty_unary() {
    check(!(await unary(client, 'EmptyCall', {})).error, 'failed');
  },
  async large_unary() {
    const {reply} = await unary(client, 'UnaryCall',
                                {responseSize: 314159, payload: zeros(271828)});
    equal(reply.payload.body.length, 314159);
  },
  async client_streaming() {
    const reply = await new Promise((resolve, reject) => {
      const call = client.StreamingInputCall((e, r) => (e ? reject(e) : resolve(r)));
      REQUESTS.forEach((n) => call.write({payload: zeros(n)}));
      call.end();
    });
    equal(reply.aggregatedPayloadSize, 74922);
  },
  async server_streaming() {
    const seen = await drain(client.StreamingOutputCall(
        {responseParameters: REPLIES.map((size) => ({size}))}));
    equal(sizes(seen), REPLIES);
    equal(seen.status.code, 0);
  },
  async ping_pong() {
    const call = client.FullDuplexCall();
    let n = 0;
    const next = () => {
      if (n === REPLIES.length) return call.end();
      call.write({responseParameters: [{size: REPLIES[n]}], payload: zeros(REQUESTS[n])});
      return n++;
    };
    const done = drain(call, next);
    next();
    equal(sizes(await done), REPLIES);
  },
  async empty_stream() {
    const call = client.FullDuplexCall();
    call.end();
    const seen = await drain(call);
    equal([seen.replies.length, seen.status.code], [0, 0]);
  },
  async timeout_on_sleeping_server() {
    const call = client.FullDuplexCall(new grpc.Metadata(), {deadline: Date.now() + 50});
    const done = drain(call);
    call.write({payload: zeros(27182)});
    equal((await done).status.code, grpc.status.DEADLINE_EXCEEDED);
  },
  async cancel_after_begin() {
    const status = await new Promise((resolve) => {
      const call = client.StreamingInputCall(() => {});
      call.on('status', resolve);
      setImmediate(() => call.cancel());
    });
    equal(status.code, grpc.status.CANCELLED);
  },
  async cancel_after_first_response() {
    const call = client.FullDuplexCall();
    const done = drain(call, () => call.cancel());
    call.write({responseParameters: [{size: 31415}], payload: zeros(27182)});
    equal((await done).status.code, grpc.status.CANCELLED);
  },
  async custom_metadata() {
    const metadata = new grpc.Metadata();
    metadata.set('x-grpc-test-echo-initial', 'test_initial_metadata_value');
    metadata.set('x-grpc-test-echo-trailing-bin', Buffer.from('ababab', 'hex'));
    const one = await unary(client, 'UnaryCall', {responseSize: 314159, payload: zeros(271828)},
                            metadata);
    const call = client.FullDuplexCall(metadata);
    call.write({responseParameters: [{size: 31415}], payload: zeros(27182)});
    call.end();
    for (const seen of [one, await drain(call)]) {
      equal(seen.initial.get('x-grpc-test-echo-initial'), ['test_initial_metadata_value']);
      equal(seen.status.metadata.get('x-grpc-test-echo-trailing-bin')[0].toString('hex'), 'ababab');
    }
  },
  async status_code_and_message() {
    const responseStatus = {code: 2, message: 'test status message'};
    const one = await unary(client, 'UnaryCall', {responseStatus});
    const call = client.FullDuplexCall();
    call.write({responseStatus});
    call.end();
    for (const {status} of [one, await drain(call)]) {
      equal([status.code, status.details], [2, 'test status message']);
    }
  },
  async special_status_message() {
    const message = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n';
    const {status} = await unary(client, 'UnaryCall', {responseStatus: {code: 2, message}});
    equal([status.code, status.details], [2, message]);
  },
  async unimplemented_method() {
    const {status} = await unary(client, 'UnimplementedCall', {});
    equal(status.code, grpc.status.UNIMPLEMENTED);
  },
  async unimplemented_service() {
    const {status} = await unary(other, 'UnimplementedCall', {});
    equal(status.code, grpc.status.UNIMPLEMENTED);
  },
  async compressed_unary() {
    const gzip = new pkg.TestService(address, grpc.credentials.createInsecure(), {
      'grpc.default_compression_algorithm': 2,
    });
    const {error, reply} = await unary(gzip, 'UnaryCall', {
      responseSize: 314159, payload: zeros(271828), responseCompressed: {value: true},
      expectCompressed: {value: true},
    });
    check(!error, error);
    equal(reply.payload.body.length, 314159);
    gzip.close();
    const plain = await unary(client, 'UnaryCall', {expectCompressed: {value: true}});
    equal(plain.status.code, grpc.status.INVALID_ARGUMENT);
  },
};

async function main() {
  let failed = 0;
  for (const [name, run] of Object.entries(cases)) {
    try {
      await Promise.race([run(), new Promise((_, reject) => {
        setTimeout(() => reject(new Error('took too long')), 15000).unref();
      })]);
      console.log(`ok ${name}`);
    } catch (error) {
      failed++;
      console.log(`not ok ${name}: ${error.message}`);
    }
  }
  client.close();
  other.close();
  process.exit(failed ? 1 : 0);
}

main();
