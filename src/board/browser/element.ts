/** Elements by their name, attributes and children. Text is text: nothing here reads HTML. */

type Attribute = string | number | boolean | ((event: Event) => void);
export type Child = Node | string | null | false;

/** @param attributes those that are functions listen: `onclick`; a property of that name is set where it is `checked` or `value` */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, '');
    else if (value !== false) made.setAttribute(key, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== false));
  return made;
}

export function svgElement(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/** The mark of a run's colour. */
export function swatch(colour: number): HTMLElement {
  return element('span', { class: `swatch run-${colour}`, 'aria-hidden': 'true' });
}
