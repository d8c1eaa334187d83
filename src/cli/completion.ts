/** `recap completion`: the script by which a shell completes recap's command lines. */
import type { CommandModule } from 'yargs';
import { commands } from './commands.js';
import { bashCompletion } from './completion/bash.js';
import { fishCompletion } from './completion/fish.js';
import { vocabularyOf } from './completion/vocabulary.js';
import { zshCompletion } from './completion/zsh.js';

const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

interface Arguments {
  shell: keyof typeof scripts;
}

export const completionCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .positional('shell', {
        choices: Object.keys(scripts) as (keyof typeof scripts)[],
        demandOption: true,
        describe: 'The shell that is to complete',
      })
      .example('$0 completion bash > ~/.local/share/bash-completion/completions/recap', 'for bash-completion')
      .example('$0 completion zsh > ~/.zfunc/_recap', 'with ~/.zfunc in fpath')
      .example('$0 completion fish > ~/.config/fish/completions/recap.fish', 'for fish'),
  handler: async ({ shell }) => {
    process.stdout.write(scripts[shell](await vocabularyOf(commands)));
  },
};
