import { gql, type TypedDocumentNode } from "@apollo/client";
import type { Role, StructureKind } from "./terms.js";

export interface StructureData {
  readonly __typename: "Structure";
  readonly id: string;
  readonly settlementId: string;
  readonly campaignId: string;
  readonly name: string;
  readonly kind: StructureKind;
  readonly level: number;
  readonly completesAt: string | null;
  readonly finished: boolean;
  readonly version: number;
}

export interface SettlementData {
  readonly __typename: "Settlement";
  readonly id: string;
  readonly campaignId: string;
  readonly name: string;
  readonly level: number;
  readonly population: number;
  readonly position: { readonly __typename: "MapPosition"; readonly x: number; readonly y: number };
  readonly variables: Readonly<Record<string, unknown>>;
  readonly version: number;
  readonly defense: number;
  readonly prosperity: number;
  readonly capacity: number;
}

export interface SettlementWithStructures extends SettlementData {
  readonly structures: Nodes<StructureData>;
}

export interface MemberData {
  readonly __typename: "Member";
  readonly campaignId: string;
  readonly userId: string;
  readonly role: Role;
  readonly name: string | null;
}

export interface CampaignData {
  readonly __typename: "Campaign";
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly worldTime: string;
  readonly version: number;
  readonly myRole: Role | null;
}

export interface CampaignWithWorld extends CampaignData {
  readonly settlements: Nodes<SettlementData>;
  readonly members: Nodes<MemberData>;
}

interface Nodes<T> {
  readonly nodes: readonly T[];
}

const STRUCTURE = gql`
  fragment StructureFields on Structure {
    id
    settlementId
    campaignId
    name
    kind
    level
    completesAt
    finished
    version
  }
`;

const SETTLEMENT = gql`
  fragment SettlementFields on Settlement {
    id
    campaignId
    name
    level
    population
    position {
      x
      y
    }
    variables
    version
    defense
    prosperity
    capacity
  }
`;

/** What a change of a settlement answers; computed values follow by an event of their own. */
const CHANGED_SETTLEMENT = gql`
  fragment ChangedSettlement on Settlement {
    id
    name
    level
    population
    version
  }
`;

const MEMBER = gql`
  fragment MemberFields on Member {
    campaignId
    userId
    role
    name
  }
`;

const CAMPAIGN = gql`
  fragment CampaignFields on Campaign {
    id
    name
    description
    worldTime
    version
    myRole
  }
`;

export const CAMPAIGNS: TypedDocumentNode<
  { readonly campaigns: Nodes<CampaignData> | null },
  Record<string, never>
> = gql`
  query Campaigns {
    campaigns(first: 100) {
      nodes {
        ...CampaignFields
      }
    }
  }
  ${CAMPAIGN}
`;

export const CAMPAIGN_PAGE: TypedDocumentNode<
  { readonly campaign: CampaignWithWorld | null },
  { readonly id: string }
> = gql`
  query Campaign($id: ID!) {
    campaign(id: $id) {
      ...CampaignFields
      settlements(first: 100) {
        nodes {
          ...SettlementFields
        }
      }
      members(first: 100) {
        nodes {
          ...MemberFields
        }
      }
    }
  }
  ${CAMPAIGN}
  ${SETTLEMENT}
  ${MEMBER}
`;

export const SETTLEMENT_PAGE: TypedDocumentNode<
  { readonly settlement: SettlementWithStructures | null },
  { readonly id: string }
> = gql`
  query Settlement($id: ID!) {
    settlement(id: $id) {
      ...SettlementFields
      structures(first: 100) {
        nodes {
          ...StructureFields
        }
      }
    }
  }
  ${SETTLEMENT}
  ${STRUCTURE}
`;

export const STRUCTURE_PAGE: TypedDocumentNode<
  { readonly structure: StructureData | null },
  { readonly id: string }
> = gql`
  query Structure($id: ID!) {
    structure(id: $id) {
      ...StructureFields
    }
  }
  ${STRUCTURE}
`;

export interface SettlementInput {
  name?: string;
  level?: number;
  population?: number;
}

export type ChangedSettlement = Pick<
  SettlementData,
  "__typename" | "id" | "name" | "level" | "population" | "version"
>;

export const UPDATE_SETTLEMENT: TypedDocumentNode<
  { readonly updateSettlement: ChangedSettlement | null },
  { id: string; input: SettlementInput; expectedVersion: number; requestId: string }
> = gql`
  mutation UpdateSettlement($id: ID!, $input: UpdateSettlementInput!, $expectedVersion: Int, $requestId: ID) {
    updateSettlement(id: $id, input: $input, expectedVersion: $expectedVersion, requestId: $requestId) {
      ...ChangedSettlement
    }
  }
  ${CHANGED_SETTLEMENT}
`;

export const CREATE_SETTLEMENT: TypedDocumentNode<
  { readonly createSettlement: SettlementData | null },
  {
    input: { campaignId: string; name: string; position: { x: number; y: number }; population: number };
    requestId: string;
  }
> = gql`
  mutation CreateSettlement($input: CreateSettlementInput!, $requestId: ID) {
    createSettlement(input: $input, requestId: $requestId) {
      ...SettlementFields
    }
  }
  ${SETTLEMENT}
`;

export const DELETE_SETTLEMENT: TypedDocumentNode<
  { readonly deleteSettlement: string | null },
  { id: string; requestId: string }
> = gql`
  mutation DeleteSettlement($id: ID!, $requestId: ID) {
    deleteSettlement(id: $id, requestId: $requestId)
  }
`;

export interface StructureInput {
  name?: string;
  kind?: StructureKind;
  level?: number;
  completesAt?: string | null;
}

export const UPDATE_STRUCTURE: TypedDocumentNode<
  { readonly updateStructure: StructureData | null },
  { id: string; input: StructureInput; expectedVersion: number; requestId: string }
> = gql`
  mutation UpdateStructure($id: ID!, $input: UpdateStructureInput!, $expectedVersion: Int, $requestId: ID) {
    updateStructure(id: $id, input: $input, expectedVersion: $expectedVersion, requestId: $requestId) {
      ...StructureFields
    }
  }
  ${STRUCTURE}
`;

export const CREATE_STRUCTURE: TypedDocumentNode<
  { readonly createStructure: StructureData | null },
  {
    input: { settlementId: string; name: string; kind: StructureKind; completesAt?: string };
    requestId: string;
  }
> = gql`
  mutation CreateStructure($input: CreateStructureInput!, $requestId: ID) {
    createStructure(input: $input, requestId: $requestId) {
      ...StructureFields
    }
  }
  ${STRUCTURE}
`;

export const DELETE_STRUCTURE: TypedDocumentNode<
  { readonly deleteStructure: string | null },
  { id: string; requestId: string }
> = gql`
  mutation DeleteStructure($id: ID!, $requestId: ID) {
    deleteStructure(id: $id, requestId: $requestId)
  }
`;

export const ADVANCE: TypedDocumentNode<
  { readonly advanceWorldTime: Pick<CampaignData, "__typename" | "id" | "worldTime" | "version"> | null },
  { campaignId: string; amount: number; unit: "HOURS" | "DAYS" | "WEEKS"; requestId: string }
> = gql`
  mutation Advance($campaignId: ID!, $amount: Int!, $unit: TimeUnit!, $requestId: ID) {
    advanceWorldTime(campaignId: $campaignId, amount: $amount, unit: $unit, requestId: $requestId) {
      id
      worldTime
      version
    }
  }
`;

export const SET_MEMBER: TypedDocumentNode<
  { readonly setMember: MemberData | null },
  { campaignId: string; userId: string; role: Role; requestId: string }
> = gql`
  mutation SetMember($campaignId: ID!, $userId: ID!, $role: Role!, $requestId: ID) {
    setMember(campaignId: $campaignId, userId: $userId, role: $role, requestId: $requestId) {
      ...MemberFields
    }
  }
  ${MEMBER}
`;

export const REMOVE_MEMBER: TypedDocumentNode<
  { readonly removeMember: string | null },
  { campaignId: string; userId: string; requestId: string }
> = gql`
  mutation RemoveMember($campaignId: ID!, $userId: ID!, $requestId: ID) {
    removeMember(campaignId: $campaignId, userId: $userId, requestId: $requestId)
  }
`;
