/**
 * A path as one word of a shell, so that a command can be run as it is printed: of a POSIX shell, or on Windows of both
 * cmd.exe and PowerShell.
 */
export function shellWord(path: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') return /^[\w:.\\/-]+$/.test(path) && !path.startsWith('-') ? path : `"${path}"`;
  return /^[\w@%+=:,./-]+$/.test(path) && !path.startsWith('-') ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
