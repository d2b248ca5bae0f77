import { describe, expect, it } from 'vitest';
import { escapeXml, mapItems, textOf, textsOf } from '../../../sandbox/overlay/xml.ts';

describe('mapItems', () => {
  const nested = '<a><set><item><id>1</id><details><item>x</item></details></item><item><id>2</id></item></set></a>';

  it('maps direct children only, also when they hold elements of the same name', () => {
    const seen: string[] = [];
    const result = mapItems(nested, 'set', 'item', (child) => {
      seen.push(child);
      return child;
    });
    expect(seen).toEqual(['<item><id>1</id><details><item>x</item></details></item>', '<item><id>2</id></item>']);
    expect(result).toBe(nested);
  });

  it('drops a child mapped to nothing and puts more behind the last', () => {
    const result = mapItems(nested, 'set', 'item', (child) => (textOf(child, 'id') === '1' ? '' : child), ['<item><id>3</id></item>']);
    expect(textsOf(result, 'id')).toEqual(['2', '3']);
  });

  it('opens an empty list for more, and leaves it as it is without', () => {
    expect(mapItems('<a><set/></a>', 'set', 'item', (child) => child, ['<item/>'])).toBe('<a><set><item/></set></a>');
    expect(mapItems('<a><set/></a>', 'set', 'item', (child) => child)).toBe('<a><set/></a>');
  });

  it('leaves an answer without the list as it is', () => {
    expect(mapItems('<Error/>', 'set', 'item', () => '')).toBe('<Error/>');
  });
});

it('escapes text for XML', () => {
  expect(escapeXml('a<b>&"c"')).toBe('a&lt;b&gt;&amp;"c"');
});
