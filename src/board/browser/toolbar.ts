/** How curves are drawn. */
import { element } from './element.js';
import type { View } from './view.js';

export interface Toolbar {
  readonly element: HTMLElement;
  show(view: View): void;
}

/** @param view what is changed */
export function toolbar(view: View, onChange: () => void): Toolbar {
  const axis = element(
    'select',
    { 'aria-label': 'Axis' },
    element('option', { value: 'step' }, 'by step'),
    element('option', { value: 'time' }, 'by time'),
  );
  const log = element('input', { type: 'checkbox' });
  const smoothing = element('input', { type: 'range', min: 0, max: 1, step: 0.05, value: view.smoothing });
  const whole = element('button', { type: 'button', disabled: true }, 'Whole run');
  axis.addEventListener('change', () => {
    view.axis = axis.value === 'time' ? 'time' : 'step';
    view.zoom = null;
    onChange();
  });
  log.addEventListener('change', () => {
    view.isLog = log.checked;
    onChange();
  });
  smoothing.addEventListener('input', () => {
    view.smoothing = Number(smoothing.value);
    onChange();
  });
  whole.addEventListener('click', () => {
    view.zoom = null;
    onChange();
  });
  return {
    element: element(
      'div',
      { class: 'toolbar', role: 'group', 'aria-label': 'How curves are drawn' },
      axis,
      element('label', {}, log, ' log scale'),
      element('label', {}, 'smoothing ', smoothing),
      whole,
      element(
        'p',
        { class: 'note' },
        'Drag over a curve to zoom, or pinch; with the keyboard, arrows read values, + and − zoom, 0 shows all.',
      ),
    ),
    show: ({ zoom }) => {
      whole.disabled = zoom === null;
    },
  };
}
