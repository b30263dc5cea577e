/** Completion for zsh: words with their meanings, asked of `sdme __complete`. */
export function zshCompletion(): string {
  return `#compdef sdme
# zsh completion for sdme: put it into a directory of $fpath as _sdme
_sdme() {
  local -a lines offered
  local line
  lines=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${lines[1]}" == ":files" ]]; then
    _files
    return
  fi
  for line in "\${lines[@]}"; do
    [[ -n "$line" ]] && offered+=("\${line%%$'\\t'*}:\${line#*$'\\t'}")
  done
  _describe 'sdme' offered
}
if [ "$funcstack[1]" = "_sdme" ]; then
  _sdme "$@"
else
  compdef _sdme sdme
fi
`;
}
