/** Completion in zsh: sourced after compinit, or as the file _recap in a folder of fpath. */
import { shellWord } from '../../shell-word.js';
import type { CompletedCommand, CompletedOption, Taken, Vocabulary } from './vocabulary.js';

export function zshCompletion({ commands, settings }: Vocabulary): string {
  return `#compdef recap
# Completion of recap in zsh: made by \`recap completion zsh\`.

_recap_setting() {
  if compset -P 1 '*='; then
    case \${IPREFIX#--*=} in
${settings
  .filter(({ words }) => words.length > 0)
  .map(({ key, words }) => `      ${key}=) compadd -- ${words.join(' ')} ;;`)
  .join('\n')}
    esac
  else
    compadd -q -S = -- ${settings.map(({ key }) => key).join(' ')}
  fi
}

# Folders of runs where they lie by default.
_recap_known_runs() {
  local -a runs
  runs=(runs/*/config.yaml(N:h) sweeps/*/*/config.yaml(N:h))
  compadd -f -a runs
}

_recap_run() { _recap_known_runs || _files -/ }

_recap_checkpoint() { _recap_known_runs || _files }

_recap_config() {
  local -a files
  files=(config/*.yaml(N))
  compadd -f -a files || _files -g '*.(yaml|yml)'
}

_recap_run_or_config() {
  _recap_known_runs
  _recap_config
}

_recap() {
  local context state line
  local -A opt_args
  local -a commands
  _arguments -C '(- *)--help[Show help]' '(- *)--version[Show version number]' '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      commands=(
${commands.map(({ name, describe }) => `        ${shellWord(`${name}:${describe}`, 'linux')}`).join('\n')}
      )
      _describe command commands
      ;;
    argument)
      case $words[1] in
${commands.map(caseOf).join('\n')}
      esac
      ;;
  esac
}

if [[ $funcstack[1] == _recap ]]; then
  _recap "$@"
else
  compdef _recap recap
fi
`;
}

function caseOf({ name, options, takes }: CompletedCommand): string {
  const specs = [...options.map(optionSpec), ...(takes === null ? [] : [`*:argument:${actionOf(takes)}`])];
  return `        ${name})\n          _arguments ${specs.map((spec) => shellWord(spec, 'linux')).join(' ')}\n          ;;`;
}

function optionSpec({ name, describe, takes, mayRepeat }: CompletedOption): string {
  const words = describe.replaceAll(/[[\]\\:]/g, '\\$&');
  const repeated = mayRepeat ? '*' : '';
  return takes === null ? `${repeated}--${name}[${words}]` : `${repeated}--${name}=[${words}]:value:${actionOf(takes)}`;
}

function actionOf(taken: Taken): string {
  if (typeof taken !== 'string') return `(${taken.join(' ')})`;
  return actions[taken];
}

const actions = {
  setting: '_recap_setting',
  config: '_recap_config',
  run: '_recap_run',
  checkpoint: '_recap_checkpoint',
  runOrConfig: '_recap_run_or_config',
  path: '_files',
  // Nothing to offer.
  text: ' ',
} as const satisfies Record<Extract<Taken, string>, string>;
