/**
 * What a view is made of: descriptions of elements, which `show` brings about with as few changes as it takes. So focus,
 * selection and scrolling stay where they are while numbers change. Text becomes text and nothing else: there is no way from
 * here to markup.
 */
export type Child = Described | string | number | false | undefined | readonly Child[];

interface Described {
  tag: string;
  props: Props;
  children: readonly Child[];
}

export interface Props {
  /** Tells siblings apart that move, come and go. */
  key?: string | number | undefined;
  on?: Partial<Record<'click' | 'submit' | 'change' | 'input', (event: Event) => void>>;
  /** Of a field: set when it is made, and whenever it is another than before. */
  value?: string | undefined;
  checked?: boolean | undefined;
  [attribute: string]: unknown;
}

const SVG = 'http://www.w3.org/2000/svg';
const SVG_TAGS = new Set(['svg', 'polyline', 'path', 'circle']);
const NO_ATTRIBUTES = new Set(['key', 'on', 'value', 'checked']);
const shown = new WeakMap<Node, Props>();

export function h(tag: string, props: Props = {}, ...children: Child[]): Described {
  return { tag, props, children };
}

/** Makes the children of an element those that are described. */
export function show(parent: Element, children: readonly Child[]): void {
  const wanted = flat(children);
  const kept = new Map<string, Node>();
  for (const node of parent.childNodes) {
    const key = shown.get(node)?.key;
    if (key !== undefined) kept.set(String(key), node);
  }
  let at = parent.firstChild;
  for (const child of wanted) {
    const key = typeof child === 'string' ? undefined : child.props.key;
    const candidate = key === undefined ? at : (kept.get(String(key)) ?? null);
    const node = isOf(candidate, child) ? candidate! : make(child);
    update(node, child);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
  while (at) {
    const next: ChildNode | null = at.nextSibling;
    at.remove();
    at = next;
  }
}

function flat(children: readonly Child[]): (Described | string)[] {
  return children.flatMap((child): (Described | string)[] => {
    if (child === undefined || child === false || child === '') return [];
    if (Array.isArray(child)) return flat(child as readonly Child[]);
    return [typeof child === 'number' ? String(child) : (child as Described | string)];
  });
}

function isOf(node: Node | null, child: Described | string): boolean {
  if (!node) return false;
  if (typeof child === 'string') return node.nodeType === Node.TEXT_NODE;
  return (
    node instanceof Element &&
    node.localName === child.tag &&
    String(shown.get(node)?.key) === String(child.props.key)
  );
}

function make(child: Described | string): Node {
  if (typeof child === 'string') return document.createTextNode(child);
  return SVG_TAGS.has(child.tag)
    ? document.createElementNS(SVG, child.tag)
    : document.createElement(child.tag);
}

function update(node: Node, child: Described | string): void {
  if (typeof child === 'string') {
    if (node.textContent !== child) node.textContent = child;
    return;
  }
  const element = node as HTMLElement;
  const before = shown.get(node);
  const { props } = child;
  shown.set(node, props);
  setAttributes(element, before ?? {}, props);
  show(element, child.children);
  if (props.value !== before?.value) (element as HTMLInputElement).value = props.value ?? '';
  if (props.checked !== undefined) (element as HTMLInputElement).checked = props.checked;
}

function setAttributes(element: HTMLElement, before: Props, now: Props): void {
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (NO_ATTRIBUTES.has(name)) continue;
    const value = now[name];
    if (value === before[name]) continue;
    if (value === undefined || value === false) element.removeAttribute(name);
    else
      element.setAttribute(
        name,
        value === true ? '' : typeof value === 'number' ? String(value) : (value as string),
      );
  }
  for (const name of new Set([...Object.keys(before.on ?? {}), ...Object.keys(now.on ?? {})])) {
    // A function, never a text: a property of the element.
    (element as unknown as Record<string, unknown>)[`on${name}`] = now.on?.[name as 'click'] ?? null;
  }
}
