/** Completion in bash, 4 or later, without any other package. */
import type { CompletedCommand, Taken, Vocabulary } from './vocabulary.js';

export function bashCompletion({ commands, settings }: Vocabulary): string {
  const names = commands.map(({ name }) => name).join(' ');
  return `# Completion of recap in bash: made by \`recap completion bash\`.

# The words up to the cursor, where bash has broken some at = and :, into the array words.
_recap_words() {
  local i word rest=$COMP_LINE stripped last=
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    stripped=\${rest#"\${rest%%[![:space:]]*}"}
    if ((i > 0)) && [[ $stripped == "$rest" && ($word =~ ^[=:]+$ || $last =~ ^[=:]+$) ]]; then
      words[\${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
    rest=\${stripped#"$word"}
    last=$word
  done
}

_recap_options() {
  case $1 in
${commands.map(({ name, options }) => `    ${name}) echo '${options.map((option) => `--${option.name}`).join(' ')}' ;;`).join('\n')}
  esac
}

# What an option of a command takes, or, without an option, the command itself.
_recap_takes() {
  case "$1 $2" in
${commands.flatMap(takesLines).join('\n')}
  esac
}

_recap_setting_words() {
  case $1 in
${settings
  .filter(({ words }) => words.length > 0)
  .map(({ key, words }) => `    ${key}) echo '${words.join(' ')}' ;;`)
  .join('\n')}
  esac
}

# Folders of runs where they lie by default, or else paths by the option that is given to compgen.
_recap_runs() {
  local run found=
  for run in runs/*/config.yaml sweeps/*/*/config.yaml; do
    run=\${run%/config.yaml}
    if [[ -e $run/config.yaml && $run == "$1"* ]]; then
      printf '%s\\n' "$run"
      found=1
    fi
  done
  [[ $found ]] || compgen "$2" -- "$1"
}

_recap_configs() {
  local file
  for file in "$1"*.yaml "$1"*.yml config/*.yaml; do
    [[ -f $file && $file == "$1"* ]] && printf '%s\\n' "$file"
  done
  [[ $1 ]] && compgen -d -- "$1"
}

_recap() {
  local words current command option= takes line own=\${COMP_WORDS[COMP_CWORD]} isPath=
  _recap_words
  current=\${words[-1]}
  command=\${words[1]}
  COMPREPLY=()
  if ((\${#words[@]} == 2)); then
    mapfile -t COMPREPLY < <(compgen -W '${names} --help --version' -- "$current")
    return
  fi
  if [[ $current == --*=* ]]; then
    option=\${current%%=*}
    current=\${current#*=}
  elif [[ \${words[-2]} == --* && \${words[-2]} != *=* ]]; then
    option=\${words[-2]}
  fi
  takes=$(_recap_takes "$command" "$option")
  [[ $takes ]] || { takes=$(_recap_takes "$command" ''); option=; }
  if [[ -z $option && $current == -* ]]; then takes=options; fi
  case $takes in
    options) takes=$(_recap_options "$command") ;;
    setting)
      if [[ $current == *=* ]]; then
        line=\${current%%=*}=
        mapfile -t COMPREPLY < <(compgen -P "$line" -W "$(_recap_setting_words "\${current%%=*}")" -- "\${current#*=}")
      else
        compopt -o nospace
        mapfile -t COMPREPLY < <(compgen -S = -W '${settings.map(({ key }) => key).join(' ')}' -- "$current")
      fi
      takes=
      ;;
    run | checkpoint | config | runOrConfig | path)
      isPath=1
      current=\${current//\\\\/}
      current=\${current#[\\"\\']}
      mapfile -t COMPREPLY < <(
        case $takes in
          run) _recap_runs "$current" -d ;;
          checkpoint) _recap_runs "$current" -f ;;
          config) _recap_configs "$current" ;;
          runOrConfig) _recap_runs "$current" -d; _recap_configs "$current" ;;
          path) compgen -f -- "$current" ;;
        esac | sort -u
      )
      takes=
      ;;
    text) takes= ;;
  esac
  [[ $takes ]] && mapfile -t COMPREPLY < <(compgen -W "$takes" -- "$current")
  [[ $isPath ]] && compopt -o filenames
  # Of a word that bash has broken, it replaces the last part alone.
  [[ $own =~ ^[=:]+$ ]] && own=
  line=\${words[-1]#--*=}
  line=\${line%"$own"}
  [[ $line && $COMP_WORDBREAKS == *=* ]] && COMPREPLY=("\${COMPREPLY[@]#"$line"}")
  return 0
}

complete -F _recap recap
`;
}

function takesLines({ name, options, takes }: CompletedCommand): string[] {
  const line = (option: string, taken: Taken) =>
    `    '${name} ${option}') echo '${typeof taken === 'string' ? taken : taken.join(' ')}' ;;`;
  return [
    ...options.flatMap((option) => (option.takes === null ? [] : [line(`--${option.name}`, option.takes)])),
    ...(takes === null ? [] : [line('', takes)]),
  ];
}
