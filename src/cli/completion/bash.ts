/** Completion for bash: asks `sdme __complete` with the words so far; falls back to files. */
export function bashCompletion(): string {
  return `# bash completion for sdme: put it into /etc/bash_completion.d/sdme
_sdme() {
  local word="\${COMP_WORDS[COMP_CWORD]}" offered
  COMPREPLY=()
  offered=$("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return 0
  if [ "$offered" = ":files" ]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  elif [ -n "$offered" ]; then
    mapfile -t COMPREPLY < <(cut -f1 <<<"$offered")
  fi
}
complete -F _sdme sdme
complete -F _sdme ./sdme
`;
}
