"use strict";
// The module that CloudFormation puts beside inline code: it answers a custom resource at the event's ResponseURL.

const http = require("node:http");
const https = require("node:https");

exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

/** Sends the answer, then ends the invocation. The promise settles at the same time. */
exports.send = (event, context, responseStatus, responseData, physicalResourceId, noEcho) =>
  new Promise((resolve) => {
    const stream = context.logStreamName;
    const body = JSON.stringify({
      Status: responseStatus,
      Reason: `See the details in CloudWatch Log Stream: ${stream}`,
      PhysicalResourceId: physicalResourceId || stream,
      StackId: event.StackId,
      RequestId: event.RequestId,
      LogicalResourceId: event.LogicalResourceId,
      NoEcho: noEcho || false,
      Data: responseData,
    });
    const end = () => {
      context.done?.();
      resolve();
    };
    const url = new URL(event.ResponseURL);
    // A content type would not be in the signature of the URL.
    const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
    const request = (url.protocol === "http:" ? http : https).request(url, { method: "PUT", headers }, (response) => {
      console.log(`Status code: ${response.statusCode}`);
      response.resume();
      end();
    });
    request.on("error", (error) => {
      console.log(`the answer to CloudFormation was not sent: ${error}`);
      end();
    });
    request.end(body);
  });
