import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Document, LineCounter, Node, Pair } from 'yaml';

export interface Position {
  readonly line: number;
  readonly column: number;
}

function pairOf(node: Node, key: string): Pair | undefined {
  return isMap(node) ? node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key) : undefined;
}

function asNode(value: unknown): Node | undefined {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value) ? value : undefined;
}

function childOf(node: Node, step: PropertyKey): Node | undefined {
  if (isSeq(node)) return typeof step === 'number' ? asNode(node.items[step]) : undefined;
  return asNode(pairOf(node, String(step))?.value);
}

function resolveAlias(node: Node, document: Document): Node {
  return isAlias(node) ? (node.resolve(document) ?? node) : node;
}

/** The deepest node of `path` that exists. */
function deepestNode(document: Document, path: readonly PropertyKey[]): Node | undefined {
  let node = asNode(document.contents);
  for (const step of path) {
    const next = node === undefined ? undefined : childOf(resolveAlias(node, document), step);
    if (next === undefined) return node;
    node = next;
  }
  return node;
}

function keyNodeOf(document: Document, node: Node | undefined, key: string | undefined): Node | undefined {
  return node === undefined || key === undefined ? undefined : asNode(pairOf(resolveAlias(node, document), key)?.key);
}

/**
 * Where `path` stands in the text: the deepest node of it that exists. With `key`, the place of that key in the
 * mapping at `path`; a missing key thus points at the mapping that lacks it.
 */
export function positionOf(document: Document, lines: LineCounter, path: readonly PropertyKey[], key?: string): Position {
  const node = deepestNode(document, path);
  const found = keyNodeOf(document, node, key) ?? node;
  return positionAt(lines, found?.range?.[0] ?? document.range?.[0] ?? 0);
}

/** Line and column of a character offset. */
export function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}
