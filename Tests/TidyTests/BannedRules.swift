/// A word that has no place in `Sources`, and what to write instead.
struct BannedWord {
    /// The word.
    let word: String
    /// What takes its place, as the end of a sentence.
    let instead: String
    /// Whether comments and literals count too.
    var alsoInComments = false
    /// Folders or files in which it is right.
    var permitted: [String] = []

    static let all = [
        BannedWord(word: "try!", instead: "handle the error, or let it out with `throws`"),
        BannedWord(word: "fatalError(", instead: "throw a typed error, or say what was promised with `precondition`"),
        BannedWord(word: "print(", instead: "log with a Logger in the service, answer with Output.write in a command"),
        BannedWord(word: "debugPrint(", instead: "log with a Logger in the service, answer with Output.write in a command"),
        BannedWord(word: "@unchecked Sendable", instead: "keep the state in an actor or in a Mutex of Synchronization"),
        BannedWord(word: "nonisolated(unsafe)", instead: "keep the state in an actor or in a Mutex of Synchronization"),
        BannedWord(word: "FIX" + "ME", instead: "repair it now, or say what is not done in the README", alsoInComments: true),
        BannedWord(word: "TO" + "DO", instead: "do it now, or say what is not done in the README", alsoInComments: true),
        BannedWord(
            word: "ProcessInfo.processInfo.environment",
            instead: "add a setting in Commands/Settings and hand its value down",
            permitted: ["Sources/Commands/Settings/", pathOfChildren]),
        BannedWord(
            word: "getenv(", instead: "add a setting in Commands/Settings and hand its value down",
            permitted: ["Sources/Commands/Settings/"]),
    ]

    /// Reads PATH, and nothing else, to hand it on to the PostgreSQL programs that it starts.
    static let pathOfChildren = "Sources/Postgres/EmbeddedClusterUser.swift"

    /// Every place of the word in a file, as sentences.
    func violations(in file: SourceFile) -> [String] {
        guard !permitted.contains(where: { file.path.hasPrefix($0) }) else { return [] }
        let text = SwiftText(file.text)
        let lines = alsoInComments ? linesWithWord(file.text) : text.positions(of: word).filter { isCall($0, text) }.map(text.line)
        return lines.map { "\(file.path):\($0): no `\(word)`: \(instead)" }
    }

    private func linesWithWord(_ text: String) -> [Int] {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            .filter { $0.element.contains(word) }.map { $0.offset + 1 }
    }

    /// `change.print(` and `func print(` are methods of ours; `print(` and `Swift.print(` are the standard library's.
    private func isCall(_ position: Int, _ text: SwiftText) -> Bool {
        guard word == "print(" else { return true }
        let before = String(decoding: text.code[max(0, position - 6)..<position], as: UTF8.self)
        return before == "Swift." || !(before.hasSuffix(".") || before.hasSuffix("func "))
    }
}
