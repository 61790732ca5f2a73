import { h, show } from './dom.js';
import type { Page, Question } from './view.js';

const NOTICE_MS = 8_000;

/** What is around the view: notices, and the question before something is done. */
export function pageAround(changed: () => void): Page {
  return {
    changed,
    notice: (text, tone = 'good') => {
      const notice = document.createElement('p');
      notice.className = `notice ${tone}`;
      notice.textContent = text;
      document.getElementById('notices')!.append(notice);
      setTimeout(() => notice.remove(), NOTICE_MS);
    },
    ask,
    go: (hash) => {
      location.hash = hash;
    },
  };
}

/** A modal dialog: the browser keeps the focus in it, and gives it back. */
function ask({ title, text, action, isGrave }: Question): Promise<boolean> {
  const dialog = document.getElementById('question') as HTMLDialogElement;
  const end = (value: string) => () => dialog.close(value);
  show(dialog, [
    h('h2', { id: 'question-title' }, title),
    h('p', {}, text),
    h(
      'div',
      { class: 'buttons' },
      // The first one has the focus: Enter does no harm.
      h('button', { type: 'button', class: 'quiet', on: { click: end('') } }, 'Cancel'),
      h('button', { type: 'button', class: isGrave ? 'grave' : 'main', on: { click: end('yes') } }, action),
    ),
  ]);
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === 'yes');
  });
}
