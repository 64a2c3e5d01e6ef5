import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// `ops/chaos` itself, with the programs of this build.
    @Suite struct ChaosTests {
        private struct Outcome {
            let ending: Child.Ending
            let text: String
        }

        /// Runs it in a folder of its own, which must be gone afterwards unless something was found.
        private func chaos(
            _ arguments: [String], _ meanwhile: (Child, String) async throws -> Void = { _, _ in }
        ) async throws -> Outcome {
            let base = "\(FileManager.default.temporaryDirectory.path)/zimage-chaos-\(UUID().uuidString.lowercased())"
            let (folder, log) = (base + "-data", base + ".log")
            let child = try Child(
                "python3",
                ["\(RepositoryPaths.root)/ops/chaos", "--programs", RepositoryPaths.programs, "--data", folder] + arguments,
                environment: ["HOME": "/"], outputPath: log, errorPath: log)
            let ending = try await withTaskCancellationHandler {
                try await meanwhile(child, folder)
                return await child.ending()
            } onCancel: {
                child.send(SIGTERM)
            }
            let text = try String(contentsOfFile: log, encoding: .utf8)
            if ending != .exited(1) {
                #expect(!FileManager.default.fileExists(atPath: folder), "\(text)")
                try FileManager.default.removeItem(atPath: log)
            }
            return Outcome(ending: ending, text: text)
        }

        @Test func aShortStormLosesNothing() async throws {
            let seed = Int(TestSeed.value % 1_000_000)
            let outcome = try await chaos(["--kills", "30", "--seed", "\(seed)"])
            #expect(outcome.ending == .exited(0), "ops/chaos --kills 30 --seed \(seed):\n\(outcome.text)")
            #expect(outcome.text.contains("nothing was lost, nothing was charged twice"))
            // The providers had their part in it.
            let paid = try #require(outcome.text.firstMatch(of: /ok +paid once +([0-9]+) jobs/)?.1)
            #expect((Int(paid) ?? 0) > 0, "\(outcome.text)")
        }

        @Test func anInterruptedStormLeavesNothing() async throws {
            let outcome = try await chaos(["--kills", "1000", "--seed", "1"]) { child, folder in
                // As many providers were there before them.
                try await eventually("the nodes run") { nodes(of: folder).count >= 6 || !child.isRunning }
                child.send(SIGINT)
                #expect(await child.ending() == .exited(130))
                // What was killed takes a moment to be gone.
                try await eventually("nothing of it runs", withinSeconds: 20) { nodes(of: folder).isEmpty }
            }
            #expect(outcome.text.contains("cleaning up"), "\(outcome.text)")
        }

        /// The processes that were started for a folder.
        private func nodes(of folder: String) -> [String] {
            let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return all.filter { pid in
                guard let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ") else { return false }
                return environment.range(of: Data("ZIMAGE_DATA=\(folder)\0".utf8)) != nil
            }
        }

        @Test func aSeedIsASchedule() async throws {
            var texts: [String] = []
            for seed in ["7", "7", "8"] {
                texts.append(try await chaos(["--schedule", "--kills", "200", "--seed", seed]).text)
            }
            #expect(texts[0] == texts[1] && texts[0] != texts[2])
            #expect(texts[0].split(separator: "\n").count == 200)
            for kind in ["kill", "stop", "cut", "isolate", "ask", "database", "provider"] { #expect(texts[0].contains(": \(kind)")) }
        }
    }
}
