'use strict';
// A model for the Codex CLI that follows a script: an HTTP server on loopback that answers POST
// /v1/responses with server-sent events. A script is a generator: what it yields is the list of
// items of the next answer, what it gets back are the outputs of those calls in the request that
// follows. Every request's body is kept for assertions. Anything else that is asked is a
// failure.

const http = require('node:http');

const USAGE = { input_tokens: 1, input_tokens_details: null, output_tokens: 1,
  output_tokens_details: null, total_tokens: 2 };

function call(callId, name, args) {
  return { type: 'function_call', id: `fc_${callId}`, call_id: callId, name,
    arguments: JSON.stringify(args) };
}

// A call of a tool that takes plain text.
function customCall(callId, name, input) {
  return { type: 'custom_tool_call', id: `ctc_${callId}`, call_id: callId, name, input };
}

function message(text) {
  return { type: 'message', id: 'msg_1', role: 'assistant',
    content: [{ type: 'output_text', text }] };
}

function eventsOf(responseId, items) {
  const events = [{ type: 'response.created', response: { id: responseId } }];
  items.forEach((item, index) => {
    events.push({ type: 'response.output_item.added', output_index: index, item });
    events.push({ type: 'response.output_item.done', output_index: index, item });
  });
  events.push({ type: 'response.completed', response: { id: responseId, usage: USAGE } });
  return events.map((e) => `event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`).join('');
}

// The outputs that are new in this request: those of the calls of the answer before it, in the
// order in which they stand.
function newOutputs(body, callIds) {
  return body.input.filter((item) => item.type.endsWith('_call_output') &&
    callIds.has(item.call_id));
}

function readBody(request) {
  return new Promise((resolve, reject) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
    request.on('error', reject);
  });
}

class MockModel {
  constructor(script) {
    this.script = script;
    this.requests = [];
    this.unexpected = [];
    this.finished = false;
    this.error = null;
    this.callIds = new Set();
    this.server = http.createServer((request, response) => this.onRequest(request, response));
    // The CLI is told to use this server as its proxy too; whatever it asks of one is refused here
    // and shows in `unexpected`.
    this.server.on('connect', (request, socket) => {
      this.unexpected.push(`CONNECT ${request.url}`);
      socket.on('error', () => {});
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
    });
  }

  async listen() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.origin = `http://127.0.0.1:${this.port}`;
    this.baseUrl = `${this.origin}/v1`;
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async onRequest(request, response) {
    const text = await readBody(request);
    if (request.method !== 'POST' || request.url !== '/v1/responses') {
      this.unexpected.push(`${request.method} ${request.url}`);
      response.writeHead(404, { 'content-length': 0 }).end();
      return;
    }
    try {
      const answer = await this.nextAnswer(JSON.parse(text));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(answer);
    } catch (error) {
      this.error = this.error || error;
      response.writeHead(400, { 'content-length': 0 }).end();
    }
  }

  async nextAnswer(body) {
    this.requests.push(body);
    const step = await this.script.next(newOutputs(body, this.callIds));
    this.finished = step.done;
    const items = step.done ? [message('done')] : step.value;
    this.callIds = new Set(items.filter((i) => i.call_id).map((i) => i.call_id));
    return eventsOf(`resp_${this.requests.length}`, items);
  }
}

module.exports = { MockModel, call, customCall, message };
