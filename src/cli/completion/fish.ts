/** Completion for fish: words with their meanings, asked of `sdme __complete`. */
export function fishCompletion(): string {
  return `# fish completion for sdme: put it into ~/.config/fish/completions/sdme.fish
function __sdme_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l offered ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    if test "$offered[1]" = ":files"
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $offered
    end
end
complete -c sdme -f -a '(__sdme_complete)'
`;
}
