import { anchorOf } from './markdown.js';

/** What stands under one heading, down to the next one of whatever level. */
export interface Section {
  level: number;
  /** Its words, without an anchor that it is given. */
  heading: string;
  /** What a section and its translation have in common. */
  anchor: string;
  body: string;
}

/** A document cut at its headings. What stands before the first one has level 0 and no heading. */
export function sectionsOf(markdown: string): Section[] {
  const sections: Section[] = [{ level: 0, heading: '', anchor: '', body: '' }];
  let inCode = false;
  for (const line of markdown.split('\n')) {
    if (line.startsWith('```')) inCode = !inCode;
    // A comment of a shell script begins like a heading.
    const [, marks, heading] = (!inCode && /^(#{1,6}) (.+)$/.exec(line)) || [];
    if (heading === undefined) sections.at(-1)!.body += `${line}\n`;
    else sections.push({ level: marks!.length, ...namesOf(heading), body: '' });
  }
  return sections.filter(({ level, body }) => level > 0 || body.trim() !== '');
}

const namesOf = (heading: string) => ({
  heading: heading.replace(/<a id="[^"]*"><\/a>/, ''),
  anchor: anchorOf(heading),
});
