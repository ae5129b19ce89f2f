// npm's `ws` as a broadcast server that `walras bench fanout` can drive. Prints its port.
'use strict';

const http = require('node:http');
const { WebSocketServer } = require('ws');

// As long as what walras sends for a bid.
const EVENT =
  '{"type":"new_bid","timestamp":"2024-01-01T00:00:31.000Z","payload":{' +
  '"bid_id":"660e8400-e29b-41d4-a716-446655440001","auction_id":"550e8400-e29b-41d4-a716-446655440000",' +
  '"quantity":100.0,"price":52.0,"timestamp":"2024-01-01T00:00:31.000Z","is_phantom":false,' +
  '"current_price":48.5,"offset":129},"padding":"0123"}';

// A wish to open or end an auction is granted.
const server = http.createServer((request, response) => {
  request.resume();
  response.end();
});
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
const watching = new Set();

sockets.on('connection', (socket) => {
  socket.on('message', (data) => {
    const text = data.toString();
    if (text.includes('auth')) {
      socket.send('{"type":"auth_success"}');
    } else if (text.includes('subscribe')) {
      watching.add(socket);
      socket.send('{"type":"subscribed"}');
    } else {
      for (const other of watching) other.send(EVENT);
      socket.send('{"type":"bid_accepted"}');
    }
  });
  socket.on('close', () => watching.delete(socket));
});

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => console.log(server.address().port));
