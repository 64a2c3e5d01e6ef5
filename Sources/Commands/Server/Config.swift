import ArgumentParser
import Domain

struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows each setting with its meaning, default and present value; secrets stay hidden.")

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let present = try await Settings.read().present.map { setting, value in
            (setting, setting.isSecret && !value.isEmpty ? "(hidden)" : value)
        }
        if output.json {
            let rows = present.map { setting, value in
                JSON.object([
                    ("name", .string(setting.name)), ("meaning", .string(setting.meaning)),
                    ("default", .string(setting.fallback)), ("value", .string(value)),
                ])
            }
            return Output.write(JSON.array(rows).text)
        }
        var table = Table(("SETTING", .left), ("VALUE", .left), ("DEFAULT", .left), ("MEANING", .left))
        for (setting, value) in present {
            table.add(setting.name, value.isEmpty ? "-" : value, setting.fallback.isEmpty ? "-" : setting.fallback, setting.meaning)
        }
        Output.write(table.text)
    }
}
