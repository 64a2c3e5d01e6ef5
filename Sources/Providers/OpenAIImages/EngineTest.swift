import Curl
import Domain

/// The steps of `zadmin provider test`. None of them makes a picture.
extension OpenAIImagesProvider {
    private static let timeoutSeconds = 15.0

    /// A list of models may be long at hosts that resell many.
    private static let namesShown = 5

    public func test(model: String) async -> [ProviderCheck] {
        let reaches = "reaches \(settings.baseURL)"
        switch await calls.json(.test, "GET", row.api.modelPath, timeoutSeconds: Self.timeoutSeconds) {
        case .notSent(let fault): return [ProviderCheck(reaches, problem: fault.message)]
        case .lost(let text):
            let problem = "it does not answer: \(verdicts.clean(text)). Check that it runs and what its log says"
            return [ProviderCheck(reaches, problem: problem)]
        case .answered(let response):
            let checks = [ProviderCheck(reaches)] + (row.hasHealth ? [await health()] : [])
            return checks + judged(response, model: model)
        }
    }

    private func health() async -> ProviderCheck {
        let what = "is ready"
        switch await calls.json(.test, "GET", "/health", timeoutSeconds: Self.timeoutSeconds) {
        case .notSent(let fault): return ProviderCheck(what, problem: fault.message)
        case .lost(let text): return ProviderCheck(what, problem: "/health does not answer: \(verdicts.clean(text))")
        case .answered(let response):
            switch response.status {
            case 200..<300: return ProviderCheck(what)
            case 503: return ProviderCheck(what, problem: "it is still loading its model: try again in a minute")
            case 404:
                let engine = EngineDialect.reference.rawValue
                return ProviderCheck(what, problem: "it has no /health: is it another engine than \(engine)?")
            case let status: return ProviderCheck(what, problem: "/health answers with status \(status): see its log")
            }
        }
    }

    /// What the list of models says about key and model.
    private func judged(_ response: TransferResponse, model: String) -> [ProviderCheck] {
        let key = settings.secret == nil ? "answers without a key" : "accepts the key"
        switch response.status {
        case 200..<300:
            let object = EngineObject(response.body)
            return [ProviderCheck(key), row.api == .sdapi ? loaded(object) : listed(model, object)]
        case 401, 403:
            let problem = settings.secret == nil ? "it wants a key: set one" : "it refuses the key: set the right one"
            return [ProviderCheck(key, problem: problem)]
        case 404 where row.api == .sdapi:
            return [ProviderCheck(key, problem: "it has no \(row.api.modelPath): start it with its API, and correct the base URL")]
        case 404, 405: return [ProviderCheck("lists no models, so key and model are tried by the first picture")]
        case 300..<400:
            return [ProviderCheck("speaks the OpenAI API", problem: "it redirects elsewhere: correct the base URL")]
        case let status:
            let said = EngineObject(response.body)?.complaint.map { ": \(verdicts.clean($0))" } ?? ""
            return [ProviderCheck(key, problem: "\(row.api.modelPath) answers with status \(status)\(said.prefix(200))")]
        }
    }

    /// The model is a setting of the program, and its name no part of a request.
    private func loaded(_ options: EngineObject?) -> ProviderCheck {
        guard let name = options?.text("sd_model_checkpoint"), !name.isEmpty else {
            return ProviderCheck("has a model", problem: "it names none in \(row.api.modelPath): load one, and check the base URL")
        }
        return ProviderCheck("has the model \(verdicts.clean(String(name.prefix(100))))")
    }

    private func listed(_ model: String, _ list: EngineObject?) -> ProviderCheck {
        let what = "has the model \(model)"
        guard let models = list?.objects("data") else {
            return ProviderCheck(what, problem: "/v1/models answers without a list: is the base URL that of an OpenAI API?")
        }
        let names = models.compactMap { $0.text("id") }
        if names.contains(model) { return ProviderCheck(what) }
        let shown = names.prefix(Self.namesShown).map { verdicts.clean(String($0.prefix(100))) }.joined(separator: ", ")
        let more = names.count > Self.namesShown ? " and \(names.count - Self.namesShown) more" : ""
        return ProviderCheck(what, problem: names.isEmpty ? "it has no model at all" : "it has \(shown)\(more)")
    }
}
