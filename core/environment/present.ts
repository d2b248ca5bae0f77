/** The entries of `value` that are not `undefined`: exact optional properties without a conditional spread for each. */
export function present<Value extends object>(value: Value): { [Key in keyof Value]?: Exclude<Value[Key], undefined> } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.fromEntries forgets the keys; the cast only narrows to what the filter has made true
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as { [Key in keyof Value]?: Exclude<Value[Key], undefined> };
}
