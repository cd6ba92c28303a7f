'use strict';
// What the tests of every runner share: the application, and the numbers of its API, written by hand.

const path = require('node:path');

/** A function that responds with `size` bytes, a bucket and a table. */
const template = path.join(__dirname, '../../../fixtures/packages/template.yaml');

/** An HTTP API's largest body through Lambda: 6,291,556 bytes less 31 of `{"statusCode": 200, "body": ""}`. */
const LARGEST = 6_291_525;

/** The status and the length of the body of a response. */
async function get(url) {
  const response = await fetch(url);
  return [response.status, (await response.arrayBuffer()).byteLength];
}

module.exports = { LARGEST, get, template };
