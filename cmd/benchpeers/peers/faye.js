// Faye's own server on Node's HTTP server, as in its documentation, with its engine in memory and no logs.
//
//     node faye.js 127.0.0.1 9000
'use strict';

const http = require('http');
const faye = require('faye');

const [address, port] = process.argv.slice(2);
const server = http.createServer();
server.keepAliveTimeout = 0;
server.requestTimeout = 0;
new faye.NodeAdapter({ mount: '/faye', timeout: 300 }).attach(server);
server.listen({ host: address, port: Number(port), backlog: 4096 });
