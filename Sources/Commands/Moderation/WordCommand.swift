import ArgumentParser
import Domain
import Keys
import Ledger
import Moderation

struct WordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "word", abstract: "The word list; nodes follow a change within seconds.",
        discussion: """
            A rule is a word or a row of words, as people write them: case, accents, width, invisible signs, look-alikes and \
            marks between letters make no difference. `porn*` finds what begins so, `a|b` either, `a|b + c|d` one of each side.
            """,
        subcommands: [WordAdd.self, WordRemove.self, WordList.self])
}

struct WordAdd: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "add", abstract: "Adds a rule.")

    @Argument(help: "The rule, such as 'nude' or 'child|kid + nude*'.") var rule: String
    @Option(help: "What it refuses, such as sexual or violence/graphic.") var category: String
    @Option(help: "basic: always; strict: with nsfw_check; allowed: lifts what lies within the phrase.") var level: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let word = ModerationWord(
            try WordRule(rule), try ModerationCategory(word: category), try WordLevel(word: level))
        if word.level == .allowed, rule.contains("+") {
            throw CommandError("an allowed phrase has no parts: write each as a rule of its own")
        }
        // The audit log names the rule by its number; only the list itself repeats it.
        let result = try await change.run("moderation word add", target: category, arguments: [rule, level], in: office) {
            switch try await WordBook().add(word, in: $0) {
            case .added(let id):
                return .object([
                    ("id", .int(id)), ("category", .string(word.category.rawValue)), ("level", .string(word.level.rawValue)),
                ])
            case .duplicate: throw CommandError("this rule is in the list already: see `zadmin moderation word list`")
            case .full: throw CommandError("the list has \(WordMatcher.wordsMax) rules: remove some, or join several with |")
            }
        }
        change.print(result, "Added a rule for \(category) at the level \(level).")
    }
}

struct WordRemove: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "remove", abstract: "Withdraws a rule.")

    @Argument(help: "The rule's number, from `zadmin moderation word list`.") var word: Int64
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let id = word
        let result = try await change.run("moderation word remove", target: String(id), arguments: [], in: office) {
            guard let removed = try await WordBook().remove(id, in: $0) else {
                throw CommandError("there is no rule \(id) in force: see `zadmin moderation word list`")
            }
            return .object([("id", .int(id)), ("category", .string(removed.category)), ("level", .string(removed.level))])
        }
        change.print(result, "Removed the rule \(id).")
    }
}

struct WordList: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Shows the rules in force.")

    @Option(help: "Only of this category.") var category: String?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let only = try category.map { try ModerationCategory(word: $0).rawValue }
        let words = try await WordBook().list(in: office.pool).filter { only == nil || $0.category == only }
        if output.json {
            let list = words.map { word in
                JSON.object([
                    ("id", .int(word.id)), ("rule", .string(word.rule)), ("category", .string(word.category)),
                    ("level", .string(word.level)), ("built_in", .bool(word.isBuiltIn)),
                    ("created_at", .string(Output.timeText(word.createdAt))),
                ])
            }
            return Output.write(JSON.array(list).text)
        }
        var table = Table(("WORD", .right), ("CATEGORY", .left), ("LEVEL", .left), ("SINCE", .left), ("RULE", .left))
        for word in words {
            table.add(
                String(word.id), word.category, word.level, word.isBuiltIn ? "built in" : Output.time(word.createdAt), word.rule)
        }
        Output.write(table.text)
    }
}
