/** The little XML that the overlay needs: the answers of EC2 and Elastic Load Balancing have no attributes inside their lists. */

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** The text of the first `<name>` element, or `undefined`. */
export function textOf(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

/** All texts of `<name>` elements, in order. */
export function textsOf(xml: string, name: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map((match) => match[1] ?? '');
}

/**
 * Maps the direct children `<item>` of the first `<list>` element; a child mapped to '' disappears.
 * `more` is put behind the last child. Children may hold elements of the same name (EC2 nests `item`).
 */
export function mapItems(xml: string, list: string, item: string, map: (child: string) => string, more: readonly string[] = []): string {
  const content = more.join('');
  const empty = `<${list}/>`;
  if (xml.includes(empty)) {
    return content === '' ? xml : xml.replace(empty, () => `<${list}>${content}</${list}>`);
  }
  const start = xml.indexOf(`<${list}>`);
  const end = xml.indexOf(`</${list}>`);
  if (start < 0 || end < 0) {
    return xml;
  }
  const inside = xml.slice(start + list.length + 2, end);
  const children = splitItems(inside, item).map((child) => map(child));
  return `${xml.slice(0, start)}<${list}>${children.join('')}${content}${xml.slice(end)}`;
}

function splitItems(inside: string, item: string): readonly string[] {
  const children: string[] = [];
  let depth = 0;
  let from = 0;
  for (const tag of inside.matchAll(new RegExp(`<(/?)${item}>`, 'g'))) {
    if (tag[1] === '') {
      from = depth === 0 ? tag.index : from;
      depth += 1;
    } else {
      depth -= 1;
      if (depth === 0) {
        children.push(inside.slice(from, tag.index + tag[0].length));
      }
    }
  }
  return children;
}
