/** Completion in fish, 3 or later. */
import type { CompletedCommand, CompletedOption, Taken, Vocabulary } from './vocabulary.js';

export function fishCompletion({ commands, settings }: Vocabulary): string {
  const worded = settings.flatMap(({ key, words }) => words.map((word) => `${key}=${word}`));
  return `# Completion of recap in fish: made by \`recap completion fish\`.

function __recap_needs_command
    test (count (commandline -opc)) -eq 1
end

function __recap_is
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test $words[2] = $argv[1]
end

# What is typed of a value, without an option that it is glued to.
function __recap_typed
    commandline -ct | string replace -r '^--[a-z-]+=' ''
end

function __recap_settings
    if string match -q '*=*' -- (__recap_typed)
        printf '%s\\n' ${worded.join(' ')}
    else
        printf '%s=\\n' ${settings.map(({ key }) => key).join(' ')}
    end
end

# Folders of runs where they lie by default, or else those on the way to others.
function __recap_runs
    set -l typed (__recap_typed)
    set -l runs
    for config in runs/*/config.yaml sweeps/*/*/config.yaml
        set -l run (string replace -r '/config.yaml$' '' -- $config)
        string match -q -- "$typed*" $run; and set -a runs $run
    end
    if test (count $runs) -gt 0
        printf '%s\\n' $runs
    else
        __fish_complete_directories "$typed" ''
    end
end

function __recap_configs
    set -l typed (__recap_typed)
    for file in config/*.yaml "$typed"*.yaml "$typed"*.yml
        echo $file
    end
    test -n "$typed"; and __fish_complete_directories "$typed" ''
end

complete -c recap -f
complete -c recap -n __recap_needs_command -l help -d 'Show help'
complete -c recap -n __recap_needs_command -l version -d 'Show version number'
${commands.map(({ name, describe }) => `complete -c recap -n __recap_needs_command -a ${name} -d ${quoted(describe)}`).join('\n')}
${commands.flatMap(linesOf).join('\n')}
`;
}

function linesOf({ name, options, takes }: CompletedCommand): string[] {
  const start = `complete -c recap -n '__recap_is ${name}'`;
  return [
    ...options.map((option) => `${start} ${optionWords(option)}`),
    ...(takes === null ? [] : [`${start} ${argumentWords(takes)}`]),
  ];
}

function optionWords({ name, describe, takes }: CompletedOption): string {
  const words = `-l ${name} -d ${quoted(describe)}`;
  return takes === null ? words : `${words} -r ${argumentWords(takes)}`;
}

function argumentWords(taken: Taken): string {
  if (typeof taken !== 'string') return `-f -a ${quoted(taken.join(' '))}`;
  return words[taken];
}

const words = {
  setting: "-f -a '(__recap_settings)'",
  config: "-f -a '(__recap_configs)'",
  run: "-f -a '(__recap_runs)'",
  checkpoint: "-F -a '(__recap_runs)'",
  runOrConfig: "-f -a '(__recap_runs) (__recap_configs)'",
  path: '-F',
  text: '-f',
} as const satisfies Record<Extract<Taken, string>, string>;

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}
