/** What the linter's own rules miss: a clock or the global object reached another way. Plain JavaScript, because the linter loads it itself. */

const message = 'core/ gets the time from the Clock port: no new Date() without an argument, no Date.now(), no globalThis.';

const noClockInCore = {
  create(context) {
    return {
      NewExpression(node) {
        if (node.callee.type === 'Identifier' && node.callee.name === 'Date' && node.arguments.length === 0) context.report({ node, message });
      },
      CallExpression(node) {
        if (node.callee.type === 'Identifier' && node.callee.name === 'Date') context.report({ node, message });
      },
      Identifier(node) {
        if (node.name === 'globalThis') context.report({ node, message });
      },
    };
  },
};

export default {
  meta: { name: 'house' },
  rules: { 'no-clock-in-core': noClockInCore },
};
