import Foundation
import TestSupport
import Testing

extension LedgerSuites {
    /// Each rule holds as it is built, and its scenario notices when it is broken on purpose.
    @Suite struct BrokenRuleTests {
        @Test(arguments: MoneyRule.allCases)
        func theRuleHolds(rule: MoneyRule) async throws {
            #expect(await RuleScenario.findings(rule, try await TestDatabase.fresh(connectionsMax: 4)) == [])
        }

        @Test(arguments: BrokenBuild.all)
        func aBrokenBuildIsCaught(build: BrokenBuild) async throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "broken-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            try FileManager.default.copyItem(at: URL(fileURLWithPath: RepositoryPaths.migrations), to: folder)
            for replacement in build.replacements {
                let file = folder.appending(path: replacement.file)
                let text = try String(contentsOf: file, encoding: .utf8)
                try #require(
                    text.ranges(of: replacement.text).count == 1, "\(replacement.file) has not once: \(replacement.text)")
                try text.replacing(replacement.text, with: replacement.by).write(to: file, atomically: true, encoding: .utf8)
            }
            let database = try await TestDatabase.migrated(from: folder.path, connectionsMax: 4)
            #expect(await !RuleScenario.findings(build.rule, database).isEmpty)
        }

        @Test func everyRuleIsBrokenOnPurpose() {
            #expect(Set(BrokenBuild.all.map(\.rule)) == Set(MoneyRule.allCases))
        }
    }
}
