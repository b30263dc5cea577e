/** Completion for bash: asks `sdme __complete` with the words so far; falls back to files. */
export function bashCompletion(): string {
  return `# bash completion for sdme: put it into /etc/bash_completion.d/sdme
_sdme() {
  local IFS=$'\\n'
  local word="\${COMP_WORDS[COMP_CWORD]}"
  local offered
  offered=$("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return 0
  if [ "$offered" = ":files" ]; then
    COMPREPLY=($(compgen -f -- "$word"))
  else
    COMPREPLY=($(compgen -W "$(printf '%s\\n' "$offered" | cut -f1)" -- "$word"))
  fi
}
complete -o filenames -F _sdme sdme
complete -o filenames -F _sdme ./sdme
`;
}
