import Domain

extension ProviderJob {
    /// Why it cannot be sent at all. Routes ask beforehand; this is for the money that a wrong picture would cost.
    func fault(_ capabilities: Capabilities) -> ProviderFault? {
        if let words = capabilities.refusal(of: image) { return ProviderFault(.job, words) }
        let isComplete =
            switch image.operation {
            case .generate: inputs == nil
            case .edit: inputs != nil && inputs?.mask == nil
            case .inpaint: inputs?.mask != nil
            }
        return isComplete ? nil : ProviderFault(.job, "its pictures are not those of the request")
    }

    /// `image_url`, `mask` and `strength`, as HighwayAPI has them; none without pictures. White in a mask is repainted.
    var pictureMembers: [(String, JSON)] {
        guard let inputs else { return [] }
        var members = [("image_url", HostedCalls.dataURI(inputs.image))]
        if let mask = inputs.mask { members.append(("mask", HostedCalls.dataURI(mask))) }
        // The shortest digits that read back as the same number.
        return members + [("strength", .raw("\(inputs.strength)"))]
    }
}
