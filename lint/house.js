/** What the linter's own rules miss: a clock or the global object reached another way. Plain JavaScript, because the linter loads it itself. */

const message = 'core/ gets the time from the Clock port: no new Date() without an argument, no Date(), no globalThis, no other name for Date.';

/**
 * The little that is read of a node of the syntax tree.
 * @typedef {{ readonly type: string, readonly name?: string, readonly callee?: Node, readonly arguments?: readonly unknown[], readonly init?: Node | null }} Node
 */

/** @param {Node | null | undefined} node */
const isDate = (node) => node?.type === 'Identifier' && node.name === 'Date';

const noClockInCore = {
  /** @param {{ report(problem: { readonly node: unknown, readonly message: string }): void }} context */
  create(context) {
    return {
      /** @param {Node} node */
      NewExpression(node) {
        if (isDate(node.callee) && node.arguments?.length === 0) context.report({ node, message });
      },
      /** @param {Node} node */
      CallExpression(node) {
        if (isDate(node.callee)) context.report({ node, message });
      },
      /** @param {Node} node */
      VariableDeclarator(node) {
        if (isDate(node.init)) context.report({ node, message });
      },
      /** @param {Node} node */
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
